"""Break the code on purpose, one small fault at a time, and see a notebook notice: `make mutations`

    python tools/mutations.py [--list] [--third] [WORD ...]      # only the faults whose notebook, text or reason contains a WORD

With --third every third fault is planted; which ones, the code of the project decides.

The faults are in tools/mutations.toml, under the notebook whose exported cell they change:

    [[02_losses]]
    find    = 'F.softplus(-real)'       # stands exactly once in the exported cells of nbs/02_losses.ipynb
    replace = 'F.softplus(real)'        # what stands there instead
    why     = 'sign of the real term'   # the mistake that somebody could make
    by      = '12_dcgan'                # the notebook that must notice, if it is not the same one

Each fault goes into a temporary copy of the project, both into the notebook's cell and into the module made from it, so that other
notebooks import the fault too. The notebook that must notice runs up to its first failing cell (cells flagged slow and the like are
skipped, stored outputs are not compared). It passes if a cell fails for a reason other than a name that does not exist. Afterwards
every notebook runs once without a fault, up to the last of the cells that noticed something: they must not fail by themselves."""
import argparse,json,shutil,sys,tempfile,time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
try: import tomllib
except ImportError: import tomli as tomllib
from robust import tree_hash
from test_nbs import Run,forked,preload,root,run_nb
from nbdev.process import NBProcessor

def load():
    "All faults, in the order of the file"
    cfg = tomllib.loads((root/'tools/mutations.toml').read_text(encoding='utf-8'))
    return [dict(nb=nb, by=nb) | m for nb,ms in cfg.items() for m in ms]

def module_of(nb_path):
    "The module that a notebook exports to, and the number and source of its exported cells"
    cells = NBProcessor(nb_path, rm_directives=False).nb.cells
    exp = next((d['default_exp'][0] for c in cells if c.cell_type=='code' and 'default_exp' in (d := c.directives_)), None)
    return exp, {i:c.source for i,c in enumerate(cells) if c.cell_type=='code' and c.directives_.keys() & {'export','exports','exporti'}}

def plant(m, base):
    "Put fault `m` into the copy of the project at `base`; the number of the cell that holds it"
    path = base/f"nbs/{m['nb']}.ipynb"
    if not path.exists(): raise ValueError(f'no notebook {path.name}')
    name,cells = module_of(path)
    hits = [i for i,s in cells.items() for _ in range(s.count(m['find']))]
    if len(hits)!=1: raise ValueError(f'the text stands {len(hits)} times in the exported cells')
    nb = json.loads(path.read_text(encoding='utf-8')); cell = nb['cells'][hits[0]]
    cell['source'] = cells[hits[0]].replace(m['find'], m['replace'])
    path.write_text(json.dumps(nb), encoding='utf-8')
    mod = base/f'gannb/{name}.py'; s = mod.read_text(encoding='utf-8')
    if s.count(m['find'])!=1: raise ValueError(f'the text stands {s.count(m["find"])} times in gannb/{name}.py: run nbdev_export')
    s = s.replace(m['find'], m['replace'])
    compile(s, mod.name, 'exec'); mod.write_text(s, encoding='utf-8')
    return hits[0]+1

def copy_to(base):
    for o in ('nbs','gannb','results'): shutil.copytree(root/o, base/o, ignore=shutil.ignore_patterns('__pycache__','.*'))
    for o in ('settings.ini','pyproject.toml'): shutil.copy2(root/o, base/o)

def run_copy(nb, m=None, until=None, timeout=300):
    "Run a notebook in a copy of the project, with fault `m` if there is one; the run and the number of the faulty cell"
    with tempfile.TemporaryDirectory(prefix='gannb-') as d:
        base = Path(d); copy_to(base)
        n = plant(m, base) if m else 0
        return forked(run_nb, base/f'nbs/{nb}.ipynb', base, until, False, timeout=timeout), n

def verdict(m):
    "Was fault `m` noticed? (yes or no, the number of the cell, what was said, seconds)"
    start,cell = time.time(),0
    try:
        r,n = run_copy(m['by'], m)
        cell,msg = r.problems[0][:2] if r.problems else (0, f"NOT NOTICED: all {r.cells} cells of {m['by']} passed")
        good = cell>0 and not msg.startswith(('NameError','ImportError','ModuleNotFoundError','SyntaxError'))
        if good and m['by']==m['nb'] and cell<n: good,msg = False,f'fails before the faulty cell {n}: {msg}'
    except (ValueError,SyntaxError,TimeoutError,RuntimeError) as e: good,msg = False,f'{type(e).__name__}: {e}'
    return good, cell, msg, time.time()-start

def main():
    p = argparse.ArgumentParser(description='Break the code on purpose and see a notebook notice')
    p.add_argument('words', nargs='*'); p.add_argument('--list', action='store_true'); p.add_argument('--workers', type=int, default=2)
    p.add_argument('--third', action='store_true', help='every third fault, chosen by the code of the project')
    a = p.parse_args()
    ms = [m for m in load() if not a.words or any(w in ' '.join(m.values()) for w in a.words)]
    if a.third: ms = ms[tree_hash() % 3::3]
    if a.list: return print('\n'.join(f"{m['nb']:16} {m['why']}" for m in ms))
    preload(); start,deepest = time.time(),{}
    def one(m):
        good,cell,msg,sec = verdict(m)
        if good: deepest[m['by']] = max(cell, deepest.get(m['by'],0))
        where = f"{m['by']} cell {cell}" if cell else m['by']
        print(f"{'ok  ' if good else 'FAIL'} {m['nb']:14} {m['why'][:60]:60} {where:22} {sec:5.1f} s  {msg[:90]}", flush=True)
        return good
    def control(o):
        r,_ = run_copy(o[0], until=o[1])
        print(f"{'FAIL' if r.problems else 'ok  '} {o[0]:14} {f'without a fault, up to cell {o[1]}':83} {r.seconds:5.1f} s  " +
              (f'cell {r.problems[0][0]}: {r.problems[0][1]}' if r.problems else ''), flush=True)
        return not r.problems
    with ThreadPoolExecutor(a.workers) as ex: res = list(ex.map(one, ms)); res += list(ex.map(control, sorted(deepest.items())))
    print(f'{len(ms)} faults, {time.time()-start:.0f} s'); print(f'{sum(res)} passed, {len(res)-sum(res)} failed')
    sys.exit(not all(res))

if __name__=='__main__': main()
