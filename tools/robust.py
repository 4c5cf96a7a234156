"""Run the notebooks as tests with other seeds and other instruction sets: `make robust`

    python tools/robust.py [NAME ...] [--settings seed1000 none] [--one] [--workers 2]

What a notebook asserts about a trained net has to hold for any seed and on any processor. In the setting `seed1000` every seed that torch is
given, by a notebook or by the package, is larger by 1000 (see tools/shifted); in `none` torch and oneDNN use no vector instructions, in `avx2`
none newer than AVX2. Stored outputs are not compared: they belong to the seeds and the processor that they were made with.

Each setting is a process of its own, because torch reads the instruction set when it is imported, and has a cache of its own, because a judge
that was trained with other seeds would hide the shift. A notebook that has passed is not run again until its code, the code of a module that it
imports, the settings or torch change; comments, docstrings and prose do not count. Its passes stand in tools/robust.json, so that they are known
in every checkout. `--one` takes one setting, chosen by the code of the whole project, and runs again every third of the notebooks that have passed
in it: on another processor they must pass as well."""
import argparse,ast,functools,hashlib,json,os,re,subprocess,sys
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import version
from pathlib import Path
from test_nbs import Run,find_nbs,forked,preload,root,run_nb,skipped
from nbdev.process import NBProcessor

SETTINGS = {f'seed{o}': dict(SEED_SHIFT=str(o)) for o in range(1000, 11_000, 1000)} | dict(      # setting -> its environment
    none=dict(ATEN_CPU_CAPABILITY='default', ONEDNN_MAX_CPU_ISA='SSE41'), avx2=dict(ATEN_CPU_CAPABILITY='avx2', ONEDNN_MAX_CPU_ISA='AVX2'))

# -- what a notebook depends on ------------------------------------------------------------
def parsed(source):
    "Code without its comments and docstrings; what is not plain Python stays as text"
    try: tree = ast.parse(source)
    except SyntaxError: return ast.parse(repr(source))
    for o in ast.walk(tree):
        if isinstance(o, (ast.Module,ast.ClassDef,ast.FunctionDef)) and ast.get_docstring(o) is not None: o.body[0] = ast.Pass()
    return tree

@functools.cache
def needs(name, listed): return used([modules()[name]], listed)

@functools.cache
def modules(): return {o.stem:parsed(o.read_text(encoding='utf-8')) for o in sorted((root/'gannb').glob('*.py')) if o.stem!='_modidx'}

def code(path):
    "The cells of a notebook that run as tests"
    return [parsed(c.source) for c in NBProcessor(path).nb.cells if c.cell_type=='code' and not skipped(c)]

def used(trees, listed=True):
    "Modules of the package that the code imports, or names in a string (`python -m gannb.cli`; if `listed`, also a list of several modules)"
    res = set()
    for o in (o for t in trees for o in ast.walk(t)):
        if isinstance(o, ast.ImportFrom) and (o.level or o.module.split('.')[0]=='gannb'):
            res |= {*(o.module or '').split('.'), *(a.name for a in o.names)}
        elif isinstance(o, ast.Import): res |= {a.name[6:] for a in o.names if a.name.startswith('gannb.')}
        elif isinstance(o, ast.Constant) and isinstance(o.value, str):
            words = set(o.value.split())
            res |= {*re.findall(r'gannb\.(\w+)', o.value), *(words if listed and len(words)>1 and words<=modules().keys() else ())}
    return res & modules().keys()

def digest(*parts): return hashlib.sha256('\n'.join(o if isinstance(o,str) else ast.dump(o) for o in parts).encode()).hexdigest()

def key(path):
    "Hash of everything that decides whether a notebook passes"
    trees = code(path); todo,seen = used(trees) | {'__init__'},set()
    listed = bool(todo & {'runs','cli','all'})          # who trains by a method's name depends on all that are listed
    while todo: seen |= todo; todo = set().union(*(needs(o, listed) for o in todo)) - seen
    return digest(*trees, *(modules()[o] if listed else unlisted(o) for o in sorted(seen)), repr(SETTINGS), version('torch'))

def unlisted(name):
    "The code of a module without the list of modules that register something: a new one changes nothing for those who name none"
    tree = modules()[name]
    is_list = lambda o: isinstance(o, ast.Assign) and [getattr(t, 'id', '') for t in o.targets]==['MODULES']
    return ast.Module([o for o in tree.body if not is_list(o)], [])

def tree_hash():
    "One number for the code of all notebooks and modules: what is chosen by it is the same each time for the same tree"
    return int(digest(*(c for o in sorted(find_nbs([])) for c in code(o)), *modules().values()), 16)

# -- running -------------------------------------------------------------------------------
def folder(setting): return Path(os.environ.get('GANNB_CACHE') or '~/.cache/gannb').expanduser()/'robust'/setting

def result(setting, path, key):
    "What came of a notebook in a setting, None if it belongs to other code"
    try: res = json.loads((folder(setting)/f'{path.stem}.json').read_text())
    except (OSError,ValueError): return None
    return Run(**res['run']) if res['key']==key else None

record = root/'tools/robust.json'
def passes(): return json.loads(record.read_text()) if record.exists() else {}   # notebook -> setting -> key

def keep(stem, setting, key):
    "Note a pass"
    p = passes(); p.setdefault(stem, {})[setting] = key
    record.write_text(json.dumps({k:dict(sorted(p[k].items())) for k in sorted(p)}, indent=1)+'\n')

def play(setting, keys, workers, timeout):
    "In the process of a setting: run notebooks and keep what came of them"
    home = folder(setting); home.mkdir(parents=True, exist_ok=True); os.environ['GANNB_CACHE'] = str(home)
    preload()
    def one(path):
        try: r = forked(run_nb, path, root, None, False, timeout=timeout)
        except (RuntimeError,TimeoutError) as e: r = Run(path.stem, problems=[(0, str(e), '')])
        (home/f'{path.stem}.json').write_text(json.dumps(dict(key=keys[path], run=vars(r))))
        print(f"{'FAIL' if r.problems else 'ok  '} {setting:10} {r.name:20} {r.seconds:6.1f} s", flush=True)
    with ThreadPoolExecutor(workers) as ex: list(ex.map(one, keys))

def main():
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('names', nargs='*'); p.add_argument('--settings', nargs='+', choices=SETTINGS, default=list(SETTINGS))
    p.add_argument('--one', action='store_true', help='one setting and a third of the notebooks, chosen by the code of the project')
    p.add_argument('--play', action='store_true', help=argparse.SUPPRESS)
    p.add_argument('--workers', type=int, default=min(2, os.cpu_count())); p.add_argument('--timeout', type=float, default=900)
    a = p.parse_args(); settings,keys = a.settings,{o:key(o) for o in find_nbs(a.names)}
    if a.play: return play(settings[0], keys, a.workers, a.timeout)
    if a.one:
        which,setting = divmod(tree_hash(), len(settings)); settings = [settings[setting]]
        passed = [o for o,k in keys.items() if passes().get(o.stem, {}).get(settings[0])==k[:16]]
        keys = {o:keys[o] for o in passed[which % 3::3]}
    table = {}
    for s in settings:
        before = lambda o: passes().get(o.stem, {}).get(s)==keys[o][:16] or ((r := result(s, o, keys[o])) and not r.problems)
        kept = {o for o in keys if not a.one and before(o)}
        todo = [str(o) for o in keys if o not in kept]
        if todo:
            play_it = [sys.executable, __file__, *todo, '--play', f'--settings={s}', f'--workers={a.workers}', f'--timeout={a.timeout}']
            subprocess.run(play_it, env=os.environ | SETTINGS[s] | dict(PYTHONPATH=str(root/'tools/shifted')))
        for o in keys:
            table[o,s] = '.' if o in kept else 'ok' if (r := result(s, o, keys[o])) and not r.problems else 'FAIL'
            if table[o,s]!='FAIL' and not a.one: keep(o.stem, s, keys[o][:16])
    for (o,s),mark in table.items():
        if mark!='FAIL': continue
        r = result(s, o, keys[o]) or Run(o.stem, problems=[(0, 'it did not run to the end', '')])
        for n,head,details in r.problems: print(f'\n{s}: {o.stem}, cell {n}: {head}\n{details[-2000:]}')
    print('\nok: passed; .: has passed before, nothing that it depends on has changed')
    print(f"{'':20}" + ''.join(f'{o:>10}' for o in settings))
    for o in keys: print(f'{o.stem:20}' + ''.join(f'{table[o,s]:>10}' for s in settings))
    bad = sum(o=='FAIL' for o in table.values())
    print(f'{len(table)-bad} passed, {bad} failed'); sys.exit(bool(bad))

if __name__=='__main__': main()
