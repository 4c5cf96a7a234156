"""README.md from nbs/index.ipynb, with the cells and outputs that the site shows: `python tools/build_readme.py [--check]`

Links to notebooks and pictures become paths inside the repository, so they work in a checkout and on a code host alike."""
import re,sys
from pathlib import Path
from posixpath import normpath
from nbdev.config import get_config
from nbdev.process import NBProcessor
from test_nbs import as_text

root = Path(__file__).resolve().parent.parent
cfg = get_config(path=root)
nbs = cfg.nbs_path.relative_to(cfg.config_path).as_posix()

def to_root(md):
    "Links relative to the notebook folder -> relative to the root of the repository"
    return re.sub(r'\]\((?![a-z]+:|#|/)([^()\s]+)\)', lambda m: f']({normpath(nbs+"/"+m[1])})', md)

def alerts(md):
    "Quarto's callouts -> alerts of GitHub's markdown"
    quote = lambda m: f'> [!{m[1].upper()}]\n' + '\n'.join(f'> {l}'.rstrip() for l in m[2].strip().splitlines())
    return re.sub(r'^:{3,} *\{\.callout-(\w+)[^}]*\}\n(.*?)^:{3,}\s*$', quote, md, flags=re.S|re.M)

def parts(c):
    "What README shows of a cell"
    if c.cell_type=='markdown': return [alerts(to_root(c.source))]
    d = c.directives_
    says = lambda k,v: d.get(k+':', [''])[0]==v
    if c.cell_type!='code' or 'hide' in d or says('include','false'): return []
    src = '\n'.join(l for l in c.source.splitlines() if not l.startswith('#|')).strip()
    res = [f'```python\n{src}\n```'] if src and not says('echo','false') else []
    out = as_text(c.get('outputs', [])).strip()
    if out and not says('output','false'): res.append(to_root(out) if says('output','asis') else f'```\n{out}\n```')
    return res

if __name__=='__main__':
    cells = NBProcessor(cfg.nbs_path/cfg.readme_nb).nb.cells
    md = '<!-- made from nbs/index.ipynb by tools/build_readme.py -->\n' + '\n\n'.join(o for c in cells for o in parts(c)) + '\n'
    readme = root/'README.md'; old = readme.read_text(encoding='utf-8') if readme.exists() else None
    if old==md: print('README.md is what nbs/index.ipynb says')
    elif '--check' in sys.argv: sys.exit('README.md is not what nbs/index.ipynb says: run `python tools/build_readme.py`')
    else: readme.write_text(md, encoding='utf-8'); print('README.md written')
