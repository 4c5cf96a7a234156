"""Measure how the notebooks are built against the project's budgets: `python tools/budgets.py [nbs/X.ipynb ...]`

Prints one row per notebook, then every broken rule; fails if there is one. A departure that is meant stands, with its reason, in
tools/budgets.toml; one that is no longer needed is an error, so that the list stays true."""
import ast,re,sys,statistics
from pathlib import Path
try: import tomllib
except ImportError: import tomli as tomllib
from nbdev.config import get_config
from nbdev.process import NBProcessor

root = Path(__file__).resolve().parent.parent
cfg = get_config(path=root)
flags = set(cfg.tst_flags.split())
exports = {'export','exports','exporti'}
_test = re.compile(r'\b(test_\w+\(|assert\b|(torch|np)\.testing\.assert)')
_math = re.compile(r'\$\$.+?\$\$|\\begin\{(?:equation|align|gather)\*?\}', re.S)
_defs = (ast.FunctionDef,ast.AsyncFunctionDef,ast.ClassDef)
_imports = (ast.Import,ast.ImportFrom)

def lines(c): return [l for l in c.source.splitlines() if l.strip() and not l.startswith('#|')]
def body(c):
    try: return ast.parse(re.sub(r'^\s*[%!].*', '', c.source, flags=re.M)).body
    except SyntaxError: return []
def number(name): return int(m[1]) + '_abcdef'.index(m[2])/10 if (m := re.match(r'(\d+)([_a-f])', name)) else -1      # 51b_x: 51.2

def measure(path):
    "The numbers of one notebook, and what is wrong with single cells: (rule, cell number from 1, text)"
    cells = NBProcessor(path).nb.cells
    for n,c in enumerate(cells, 1): c.n = n
    md = [c for c in cells if c.cell_type=='markdown']
    code = [c for c in cells if c.cell_type=='code' and lines(c)]
    sizes = sorted(len(lines(c)) for c in code) or [0]
    kind = lambda c: exports & c.directives_.keys()
    api = [i for i,c in enumerate(code) if kind(c) and any(isinstance(o,_defs) for o in body(c))]
    bare = [code[i] for i in api if i+1==len(code) or kind(code[i+1])]
    row = dict(cells=len(cells), prose=round(100*len(md)/max(1,len(cells))), median=statistics.median(sizes), p90=sizes[min(len(sizes)-1, int(.9*len(sizes)))],
        max=sizes[-1], exported=len(api), shown=100 if not api else round(100*(len(api)-len(bare))/len(api)),
        equations=sum(len(_math.findall(c.source)) for c in md), tests=sum(bool(_test.search(c.source)) and not kind(c) for c in code),
        flagged=round(100*sum(bool(flags & c.directives_.keys()) for c in code)/max(1,len(cells))), checked=sum('check:' in c.directives_ for c in code))
    bad = [('max', c.n, f'{len(lines(c))} lines of code') for c in code if len(lines(c))>40]
    if row['shown']<90: bad += [('shown', c.n, f'`{lines(c)[0]}` is followed by no demo or test') for c in bare]
    head = cells[0].source.strip().splitlines() if cells else []
    if len([l for l in head if l.strip()])!=2 or not head[0].startswith('# ') or not head[-1].startswith('> '):
        bad.append(('head', 1, 'the first cell holds the title and a one-line promise, nothing else: nbdev reads the rest as settings'))
    for c in code:
        if max(map(len, c.source.splitlines()))>140: bad.append(('width', c.n, 'a line is wider than 140 columns'))
        if 'export' in c.directives_ and any(isinstance(o,_defs) for o in body(c)): bad.append(('plain', c.n, '`#| export` hides the source on the site: use `#| exports`'))
        top = [o for o in body(c) if not (isinstance(o,ast.Expr) and isinstance(o.value,ast.Constant))]
        if not kind(c) and 0<sum(isinstance(o,_imports) for o in top)<len(top) and 'nbdev_export(' not in c.source and 'eval:' not in c.directives_:
            bad.append(('imports', c.n, 'imports and other code in one cell: the site build would run it'))
        for o in ast.walk(ast.Module(body(c),[])):
            mod = o.module if isinstance(o,ast.ImportFrom) and o.module else ''
            if mod.startswith('gannb.') and number(path.stem)>=0 and order.get(mod[6:],-1)>number(path.stem):
                bad.append(('order', c.n, f'imports {mod}, made from a later notebook'))
    return row,bad

def limits(name):
    "The budget of a notebook: column -> (test, words)"
    if name=='index': return dict(cells=(lambda v,r: v<=15, 'at most 15 cells'), equations=(lambda v,r: v==0, 'no displayed equation'))
    res = dict(cells=(lambda v,r: v<=90, 'at most 90'), median=(lambda v,r: v<=6, 'at most 6 lines'), p90=(lambda v,r: v<=20, 'at most 20 lines'),
        max=(lambda v,r: v<=40, 'at most 40 lines'), shown=(lambda v,r: v>=90, 'at least 90 %'), flagged=(lambda v,r: v<=10, 'at most 10 %'),
        tests=(lambda v,r: v>=r['equations'], 'one cell with assertions per displayed equation'))
    if 10<=number(name)<60: res['prose'] = (lambda v,r: 35<=v<=50, '35 to 50 %')      # the method notebooks
    return res

def main():
    global order
    nbs = sorted((root/cfg.nbs_path).glob('*.ipynb'))
    order = {o.stem.split('_',1)[1]:number(o.stem) for o in nbs if number(o.stem)>=0}
    if sys.argv[1:]: nbs = [Path(o) for o in sys.argv[1:]]
    meant = tomllib.loads((root/'tools/budgets.toml').read_text(encoding='utf-8'))
    rows,bad = {},[]
    for p in nbs:
        rows[p.stem],cellwise = measure(p)
        found = {}                                                       # rule -> lines
        for col,(ok,words) in limits(p.stem).items():
            if not ok(v := rows[p.stem][col], rows[p.stem]): found[col] = [f'{p.stem}: {col} is {v}, wanted: {words}']
        for rule,n,text in cellwise:
            if p.stem!='index' or rule!='shown': found.setdefault(rule,[]).append(f'{p.stem}, cell {n}: {text} ({rule})')
        excused = meant.get(p.stem, {})
        bad += [o for rule,os in found.items() if rule not in excused for o in os]
        bad += [f'{p.stem}: tools/budgets.toml excuses {rule!r}, but nothing breaks it' for rule in excused if rule not in found]
    if not sys.argv[1:]: bad += [f'tools/budgets.toml names {o}, which does not exist' for o in meant if o not in rows]
    cols = list(next(iter(rows.values()))) if rows else []
    print(f"{'notebook':16}" + ''.join(f'{o:>10}' for o in cols))
    for name,r in rows.items(): print(f'{name:16}' + ''.join(f"{f'{r[o]:g}':>10}" for o in cols))
    print('\n'.join(['']+bad) if bad else 'all within budget')
    sys.exit(bool(bad))

if __name__=='__main__': main()
