"""Run notebooks as tests: every cell must run, and every cell marked `#| check: TOL` must print again what it has stored.

    python tools/test_nbs.py [NAME ...] [--flags slow] [--workers 2]

Cells run as under `nbdev_test` (same shell, same flags skipped), each notebook in a forked process of its own in which the
heavy libraries are already imported. `check` compares word for word and number for number: numbers may differ by TOL, relative
or absolute, whichever is larger; pictures, warnings and the time are never compared. A processor with other instructions adds in another order,
which is enough to change a training: outputs are compared only where the instruction set is the one of tools/outputs.json."""
import argparse,json,math,multiprocessing,os,re,sys,time,warnings
from concurrent.futures import ThreadPoolExecutor
from multiprocessing.connection import wait
from pathlib import Path
from types import SimpleNamespace
os.environ.setdefault('OMP_NUM_THREADS', '1')   # before torch: two notebooks at a time, one core each
os.environ['IN_TEST'] = '1'
from nbdev.config import get_config
from nbdev.process import NBProcessor
from nbdev.doclinks import nbglob

root = Path(__file__).resolve().parent.parent
outputs = root/'tools/outputs.json'      # notebook -> on what its stored outputs were made
skip_flags = set(get_config(path=root).tst_flags.split())
fork = multiprocessing.get_context('fork')

def Run(name, **kwargs):
    "What came of running one notebook: seconds, code cells run, outputs compared, a note, problems (cell number from 1, headline, details)"
    return SimpleNamespace(**(dict(name=name, seconds=0., cells=0, checked=0, note='', problems=[]) | kwargs))

def made_with():
    "The instruction set and the version of torch: 'AVX2, torch 2.9'"
    import torch
    return f"{torch.backends.cpu.get_cpu_capability()}, torch {'.'.join(torch.__version__.split('.')[:2])}"

# -- comparing outputs ---------------------------------------------------------------------
_num = re.compile(r'((?<![\w.])[-+]?(?:\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?(?!\w)|[-+]?\b(?:nan|inf)\b)', re.I)
_at,_ansi = re.compile(r' at 0x[0-9a-f]+', re.I),re.compile(r'\x1b\[[0-9;]*m')

def as_text(outputs):
    "What a cell printed, then what it displayed as text"
    join = lambda o: o if isinstance(o,str) else ''.join(o)
    res = [join(o['text']) for o in outputs if o['output_type']=='stream' and o['name']=='stdout']
    for d in (o['data'] for o in outputs if 'data' in o):
        if not any(k.startswith('image/') for k in d): res.append(join(d.get('text/markdown') or d.get('text/plain') or ''))
    return _ansi.sub('', _at.sub('', '\n'.join(res)))

def difference(old, new, tol):
    "The first difference between two texts, None if there is none"
    a,b = (_num.split(' '.join(o.split())) for o in (old,new))
    for i,(p,q) in enumerate(zip(a,b)):
        same = p.lower()==q.lower() or math.isclose(float(p), float(q), rel_tol=tol, abs_tol=tol) if i%2 else p.strip()==q.strip()
        if not same:
            k = len(os.path.commonprefix([p,q])) if i%2==0 else 0
            return f'after {"".join(a[max(0,i-3):i]+[p[:k]])[-50:]!r} {p[k:k+50]!r} was stored, now comes {q[k:k+50]!r}'
    if len(a)!=len(b): return f'{len(a)//2} numbers were stored, now come {len(b)//2}'

# -- running -------------------------------------------------------------------------------
def skipped(cell):
    "Is this a cell that `nbdev_test` leaves out?"
    d = cell.directives_
    return 'nbdev_export(' in cell.source or d.get('eval:',[''])[0].lower()=='false' or bool((skip_flags-run_flags) & d.keys())
run_flags = set()

def execute(shell, source):
    "Run one cell; its outputs as a notebook stores them, and the error if there was one"
    from IPython.utils.capture import capture_output
    from IPython.core.interactiveshell import InteractiveShell
    with capture_output() as c: r = InteractiveShell.run_cell(shell, source)
    outs = [dict(output_type='stream', name='stdout', text=c.stdout)] + [dict(output_type='display_data', data=o.data) for o in c.outputs]
    if r.result is not None and not source.rstrip().endswith(';'):
        outs.append(dict(output_type='execute_result', data=shell.display_formatter.format(r.result)[0]))
    return outs, r.error_before_exec or r.error_in_exec, c.stdout+c.stderr

def run_nb(path, base=root, until=None, check=True):
    "Run the cells of a notebook, up to and with number `until`, with the package of `base`; stops at the first that fails"
    from execnb.shell import CaptureShell
    sys.path.insert(0, str(base)); os.chdir(path.parent)
    os.environ['PYTHONPATH'] = os.pathsep.join([str(base), *filter(None, [os.environ.get('PYTHONPATH')])])
    res,start,shell = Run(path.stem),time.time(),CaptureShell(path)
    made = json.loads(outputs.read_text()).get(path.stem) if check else None
    if made and made.split(',')[0] != made_with().split(',')[0]: check,res.note = False,f', outputs made with {made}: not compared here'
    for n,c in enumerate(NBProcessor(path).nb.cells, 1):
        if until and n>until: break
        if c.cell_type!='code' or skipped(c): continue
        outs,err,said = execute(shell, c.source); res.cells += 1
        if err is not None:
            res.problems.append((n, ' '.join(f'{type(err).__name__}: {err}'.split())[:300], _ansi.sub('', said)))
            break
        if check and (tol := c.directives_.get('check:')):
            res.checked += 1; old = as_text(c.get('outputs', []))
            dif = difference(old, as_text(outs), float(tol[0])) if old.strip() else 'no text is stored'
            if dif: res.problems.append((n, f'stored output is not what the cell prints (check: {tol[0]}): {dif}', as_text(outs)))
    res.seconds = time.time()-start
    return res

def forked(f, *args, timeout=None):
    "`f(*args)` in a forked process; TimeoutError, or RuntimeError if the process dies"
    ours,theirs = fork.Pipe(duplex=False)
    p = fork.Process(target=lambda: theirs.send(f(*args))); p.start(); theirs.close()
    ready = wait([ours,p.sentinel], timeout)
    if not ready: p.kill()
    try: res = ours.recv() if ours in ready else None
    except EOFError: res = None
    p.join(); ours.close()
    if not ready: raise TimeoutError(f'still running after {timeout:.0f} s')
    if res is None: raise RuntimeError(f'the process died (exit code {p.exitcode})')
    return res

def preload():
    "Import once what nearly every notebook imports (never gannb itself)"
    with warnings.catch_warnings():
        warnings.simplefilter('ignore')
        import torch,torchvision,fastai.vision.all,sklearn.svm,matplotlib.pyplot,execnb.shell # noqa

def find_nbs(names):
    "Paths of the notebooks called `names`, of all if there are none; the slowest kinds first keep both workers busy"
    nbs = sorted(Path(o) for o in nbglob(get_config(path=root).nbs_path))
    if not names: return nbs
    by = {o.stem:o for o in nbs}
    names = [Path(o).stem for o in names]
    if bad := [o for o in names if o not in by]: sys.exit(f'no such notebook: {", ".join(bad)}')
    return [by[o] for o in names]

def main():
    p = argparse.ArgumentParser(description='Run notebooks as tests')
    p.add_argument('names', nargs='*'); p.add_argument('--flags', default='', help='flags not to skip, e.g. "slow mnist"')
    p.add_argument('--workers', type=int, default=min(2, os.cpu_count())); p.add_argument('--timeout', type=float, default=900)
    a = p.parse_args(); run_flags.update(a.flags.split())
    preload()
    def one(path):
        try: r = forked(run_nb, path, timeout=a.timeout)
        except (RuntimeError,TimeoutError) as e: r = Run(path.stem, problems=[(0, str(e), '')])
        print(f"{'FAIL' if r.problems else 'ok  '} {r.name:18} {r.seconds:6.1f} s  {r.cells:3} cells" +
              (f', {r.checked} outputs compared' if r.checked else r.note), flush=True)
        return r
    start = time.time()
    with ThreadPoolExecutor(a.workers) as ex: runs = list(ex.map(one, find_nbs(a.names)))
    for r in runs:
        for n,head,details in r.problems: print(f'\n{r.name}, cell {n}: {head}\n{details[-6000:]}')
    bad = sum(bool(r.problems) for r in runs)
    print(f'{time.time()-start:.0f} s in all, {sum(r.checked for r in runs)} stored outputs compared')
    print(f'{len(runs)-bad} passed, {bad} failed')
    sys.exit(bool(bad))

if __name__=='__main__': main()
