"""Everything that guards the project, cheap things first, stopping at the first that fails: `make test`

    python tools/check.py [--from notebooks] [--only docs]"""
import argparse,filecmp,json,os,re,shutil,subprocess,sys,tempfile,time
from pathlib import Path

root = Path(__file__).resolve().parent.parent
py = sys.executable
os.environ['PATH'] = f'{Path(py).parent}{os.pathsep}{os.environ["PATH"]}'

skip = {'_proc','_docs','_sphinx','runs','results','__pycache__'}      # never copied

class Failed(Exception): "A guard found something; says what to do"

def sh(*args, cwd=root, quiet=False):
    "Run a command, showing what it prints; its output"
    p = subprocess.Popen(args, cwd=cwd, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, errors='replace')
    out = []
    for l in p.stdout:
        out.append(l)
        if not quiet: print('  '+l, end='', flush=True)
    if p.wait():
        if quiet: print(''.join(out), end='')
        raise Failed(' '.join(Path(o).name if o==py else str(o) for o in args))
    return ''.join(out)

def changed(command, *folders):
    "Files of `folders` that `command` would change, found in a copy of the project"
    with tempfile.TemporaryDirectory(prefix='gannb-') as d:
        copy = Path(d)/'gannb'
        shutil.copytree(root, copy, ignore=lambda p,names: [o for o in names if o[0]=='.' or o in skip])
        if command=='nbdev_export':                                    # from nothing, so that a module without its notebook shows
            for o in (copy/'gannb').glob('[a-z]*.py'): o.unlink()
        sh(command, cwd=copy, quiet=True)
        files = {o.relative_to(t) for t in (root,copy) for f in folders for o in (t/f).rglob('*') if o.suffix in ('.py','.ipynb')}
        return sorted(str(o) for o in files if '/.' not in str(o) and not ((root/o).exists() and (copy/o).exists() and filecmp.cmp(root/o, copy/o, shallow=False)))

def exports():
    if o := changed('nbdev_export', 'gannb'): raise Failed(f'run nbdev_export; out of step: {", ".join(o)}')
    sh(py, 'tools/build_commands.py', '--check')
def names(): sh(py, 'tools/names.py')
def late_directives():
    "Lines `#| …` below the code of a cell: nbdev reads those at its top only"
    for p in sorted((root/'nbs').glob('*.ipynb')):
        for n,c in enumerate(json.loads(p.read_text(encoding='utf-8'))['cells'], 1):
            lines = iter(''.join(c['source']).splitlines() if c['cell_type']=='code' else [])
            for l in lines:
                if l.strip() and not re.match(r'\s*(#\s*\||%%)', l): break      # the code begins
            yield from (f'{p.stem}, cell {n}: {l}' for l in lines if re.match(r'#\s*\|', l))
def clean():
    if o := [*late_directives()]: raise Failed('move to the top of the cell: '+'; '.join(o))
    if o := changed('nbdev_clean', 'nbs'): raise Failed(f'run nbdev_clean; not clean: {", ".join(o)}')
def readme(): sh(py, 'tools/build_readme.py', '--check')
def budgets(): sh(py, 'tools/budgets.py')
def notebooks(): return int(re.findall(r'^(\d+) passed', sh(py, 'tools/test_nbs.py'), flags=re.M)[-1])
def docs(): sh(py, 'tools/build_docs.py', '--force', '-W')
def links(): sh(py, 'tools/check_site.py')
def browser(): sh(py, 'tools/browse_explorer.py')

guards = dict(
    exports='gannb/ is what the notebooks export, and the command line knows it', names='every name that the package uses exists where it is used', clean='the notebooks hold no stray metadata', readme='README.md is what the index says',
    budgets='the notebooks keep their budgets', notebooks='every notebook runs, every marked output is reproduced',
    docs='the site builds without a warning', links='every link of the site leads somewhere, nothing comes from another host',
    browser='the explorer works in a real browser (skipped where there is none)')

def main():
    p = argparse.ArgumentParser(description='Everything that guards the project')
    p.add_argument('--from', dest='first', choices=guards); p.add_argument('--only', choices=guards)
    a = p.parse_args(); names = list(guards)
    names = [a.only] if a.only else names[names.index(a.first) if a.first else 0:]
    passed,start = 0,time.time()
    for i,o in enumerate(names, 1):
        print(f'[{i}/{len(names)}] {o}: {guards[o]}', flush=True); t = time.time()
        try: passed += globals()[o]() or 1
        except Failed as e: print(f'\nFAILED {o}: {e}\n{passed} passed, 1 failed'); sys.exit(1)
        print(f'  ok, {time.time()-t:.1f} s', flush=True)
    print(f'{time.time()-start:.0f} s\n{passed} passed, 0 failed')

if __name__=='__main__': main()
