"""Run notebooks in place and store what they print and draw: `make notebooks`, or `python tools/run_nbs.py NAME ... [--flags slow]`

Obeys `#| eval: false` and nbdev's test flags: a flagged cell keeps the outputs it has unless its flag is named."""
import argparse,json,os,time
import nbformat
from nbclient import NotebookClient
from nbdev.clean import nbdev_clean
from nbdev.process import NBProcessor
from test_nbs import find_nbs,made_with,outputs,root,run_flags,skipped

os.environ['PYTHONPATH'] = str(root)                                   # this checkout's package, not an installed one
os.environ.setdefault('PYTHONWARNINGS', 'ignore::FutureWarning:torch.jit._script')   # fastai's import of today's torch: not an output

def run_nb(path):
    nb = nbformat.read(path, as_version=4)
    for c,p in zip(nb.cells, NBProcessor(path).nb.cells):
        if c.cell_type=='code' and skipped(p): c.metadata['tags'] = ['skip-execution']
    start = time.time()
    try: NotebookClient(nb, timeout=None, kernel_name='python3', coalesce_streams=True, resources={'metadata':{'path':str(path.parent)}}).execute()
    finally: print(f'{path.stem:18} {time.time()-start:6.1f} s', flush=True)
    for c in nb.cells:   # warnings belong to one machine, and name its folders
        if c.cell_type=='code': c.outputs = [o for o in c.outputs if o.get('name')!='stderr']
    nbformat.write(nb, path)
    nbdev_clean.__wrapped__(str(path))
    if any('#| check:' in c.source for c in nb.cells):                   # where its numbers come from
        known = json.loads(outputs.read_text()) | {path.stem:made_with()}
        outputs.write_text(json.dumps(known, indent=1, sort_keys=True) + '\n')

if __name__=='__main__':
    p = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    p.add_argument('names', nargs='*'); p.add_argument('--flags', default='')
    a = p.parse_args(); run_flags.update(a.flags.split())
    for o in find_nbs(a.names): run_nb(o)
