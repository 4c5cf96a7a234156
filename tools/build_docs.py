"""The site, without Quarto: nbdev's processed notebooks (`_proc`) -> MyST notebooks (`_sphinx`) -> Sphinx -> `_docs`

    python tools/build_docs.py [--force] [-W]     # --force: process unchanged notebooks too; other options go to Sphinx"""
import ast,re,shutil,sys,subprocess,nbformat,yaml
from pathlib import Path
from posixpath import relpath
from nbdev.config import get_config
from nbdev.serve import proc_nbs

cfg = get_config()
root = cfg.config_path
src,dst,out = root/'_proc',root/'_sphinx',cfg.doc_path
base = f"{cfg.doc_host}{cfg.doc_baseurl}/"

# the parts of the left navigation, by the number of their first notebook
parts = {'Foundations':0, 'The game':10, 'Better distances, better nets':20, 'Asking for something':23, 'Plug & play':30,
         'Lossy measurements':40, 'Latent space':50, 'Using it':53, 'Results':61}

def html_name(p):
    "The page nbdev gives a notebook: `01_gan.ipynb` -> `gan.html`"
    return str(p.with_name(re.sub(r'^\d+[a-zA-Z0-9]*_', '', p.name.lower())).with_suffix('.html'))

# -- markdown: Quarto's dialect -> MyST ------------------------------------------------
_fence = re.compile(r'^(```|~~~)')
_div = re.compile(r'^\s*(:{3,})\s*(\{.*\}|[\w-]+)?\s*$')
_kinds = 'note tip important warning caution'.split()

def fix_divs(lines):
    "Quarto divs to MyST: callouts become admonitions, other classes a plain div"
    res,stack,code = [],[],False
    for i,l in enumerate(lines):
        if _fence.match(l): code = not code
        m = None if code else _div.match(l)
        if not m:
            if stack and stack[-1]=='title' and l.strip():   # first line of a callout may hold its title
                stack[-1] = 'open'
                t = re.match(r'#+\s+(.*)', l)
                if t: res[-1] = re.sub(r'(\{admonition\}).*', rf'\1 {t.group(1)}', res[-1], count=1) if '{admonition}' in res[-1] else res[-1]
                if t: continue
            res.append(l); continue
        if m.group(2):
            at = m.group(2)
            kind = next((k for k in _kinds if f'callout-{k}' in at), None)
            n = ':'*(10-len(stack))                          # outer fences need more colons in MyST
            if kind:
                t = re.search(r'title="([^"]*)"', at)
                res.append(f'{n}{{admonition}} {t.group(1) if t else kind.title()}\n:class: {kind}' +
                           (' dropdown' if 'collapse="true"' in at else '') + '\n')
                stack.append('open' if t else 'title')
            else:
                cls = ' '.join(re.findall(r'\.([\w-]+)', at)) or 'block'
                res.append(f'{n}{{div}} {cls}'); stack.append('open')
        elif stack: stack.pop(); res.append(':'*(10-len(stack)))
        # a closing fence whose opening is in another cell is dropped
    while stack: stack.pop(); res.append(':'*(10-len(stack)))
    return res

def outside(url):
    "A file of the repository that is not a notebook: pictures come along, others are shown where the source is"
    f = (cfg.nbs_path/url).resolve(); rel = f.relative_to(root).as_posix()
    if f.suffix not in ('.png','.gif','.svg','.jpg'): return f'{cfg.git_url}/blob/{cfg.branch}/{rel}'
    (dst/rel).parent.mkdir(parents=True, exist_ok=True); shutil.copy2(f, dst/rel)
    return rel

def fix_link(m, page):
    url = m.group(1)
    if url.startswith(base): url = url[len(base):] or 'index.html'
    elif '://' in url or url[0] in '#/' or url.startswith('mailto:'): return m.group(0)
    elif re.search(r'\.ipynb(#|$)', url):
        f,_,h = url.partition('#')
        url = html_name(Path(page).parent/f) + (f'#{h}' if h else '')
    elif url.startswith('../'): return f']({outside(url)})'
    else: return m.group(0)
    f,_,h = url.partition('#')
    return f"]({relpath(f, str(Path(page).parent) if '/' in page else '.')}{'#'+h if h else ''})"

def fix_md(s, page):
    lines,code = fix_divs(s.splitlines()),False
    for i,l in enumerate(lines):
        if _fence.match(l): code = not code
        if code: continue
        l = re.sub(r'\]\(([^()\s]+)\)', lambda m: fix_link(m, page), l)
        l = re.sub(r'(\]\([^()\s]+\))\{[^}]*\}', r'\1', l)                        # link attributes
        l = re.sub(r'\[@([\w:.#$%&+?<>~/;@ -]+)\]', lambda m: '{cite:p}`'+','.join(o.strip(' @') for o in m.group(1).split(';'))+'`', l)
        l = re.sub(r'(?<![\w`{$])(\\eqref\{[^}]+\})(?![$`])', r'$\1$', l)         # \eqref is for MathJax
        lines[i] = l
    return '\n'.join(lines)

# -- show_doc ----------------------------------------------------------------------------
_sd = re.compile(r'^---\n+(?:\[source\]\(([^)]+)\)\{[^}]*\}\n+)?(#+) (.+?)\n', flags=re.S)
def fix_showdoc(s):
    "Anchor, heading, source link: the ids are those nbdev links to (`core.html#ganloss.disc`)"
    m = _sd.match(s)
    if not m: return s
    s = s.replace('*Call self as a function.*', '')                              # what Python says where there is no docstring
    u,h,nm = m.groups()
    src = f'\n<a class="nb-source" href="{u}" target="_blank" rel="noopener">source</a>\n' if u else ''
    return f'<span class="nb-anchor" id="{nm.lower()}"></span>\n\n{h} `{nm}`\n{src}' + re.sub(r'^``` *python\n.*?^```', plain_code, s[m.end():], flags=re.S|re.M)

def plain_code(m):
    "A signature as one would type it: no links in its comments, `LeakyReLU` for `<class 'torch.nn...LeakyReLU'>`"
    s = re.sub(r'\[(`[^`]+`)\]\([^)\s]+\)', r'\1', m[0])
    return re.sub(r"<(?:class '(?:\w+\.)*|function )([\w.]+)[^>\n]*>", r'\1', s).replace('functools.partial(', 'partial(')

def heads(docs):
    "What remains of `docs` when the source follows anyway: anchors and one heading"
    ms = [_sd.match(o) for o in docs]
    anchors = ''.join(f'<span class="nb-anchor" id="{m[3].lower()}"></span>' for m in ms)
    link = f'\n<a class="nb-source" href="{ms[0][1]}" target="_blank" rel="noopener">source</a>\n' if ms[0][1] else ''
    return f"{anchors}\n\n{min(m[2] for m in ms)} {', '.join(f'`{m[3]}`' for m in ms)}\n{link}"

def merge_docs(cells):
    "nbdev puts documentation before exported source: where that shows the same signature, keep the source"
    res,docs = [],[]
    for c in cells:
        if c.cell_type=='code' and '"Exported source"' in c.source and docs:
            docs = [o.data['text/markdown'] for d in docs for o in d.outputs if 'text/markdown' in o.get('data', {})]
            res.append(nbformat.v4.new_markdown_cell(heads(docs), id=c.id+'-doc')); docs = []
        is_doc = c.cell_type=='code' and re.search(r'^show_doc\(', c.source, re.M)
        if not is_doc: res += docs; docs = []
        (docs if is_doc else res).append(c)
    return res+docs

# -- widgets: the picture that `interact` showed last, since a static page has no kernel -----
def static_widget(o, state):
    mid = o.get('data',{}).get('application/vnd.jupyter.widget-view+json',{}).get('model_id')
    if mid is None: return [o]
    def walk(i):
        st = state.get(i,{}).get('state',{})
        yield from map(nbformat.NotebookNode, st.get('outputs') or [])
        for ch in st.get('children') or []: yield from walk(ch.replace('IPY_MODEL_',''))
    return list(walk(mid))

# -- cells -------------------------------------------------------------------------------
_dirs = re.compile(r'^#\|\s*([\w.-]+)(?::\s*(.*?))?\s*$\n?', flags=re.M)
def is_test(o):
    "Does a statement check something, or a loop nothing but that?"
    if isinstance(o, ast.For): return all(map(is_test, o.body))
    return isinstance(o, ast.Assert) or isinstance(o, ast.Expr) and isinstance(o.value, ast.Call) and getattr(o.value.func, 'id', '').startswith('test_')

def folded(source, outputs):
    "What a cell is folded under: imports, and tests that show no picture, are for those who look for them"
    try: body = ast.parse(source).body
    except SyntaxError: return None
    if body and all(isinstance(o, (ast.Import,ast.ImportFrom)) for o in body): return 'Imports'
    if any('image/png' in o.get('data',{}) for o in outputs): return None
    return 'The test' if sum(map(is_test, body)) >= max(1, len(body)/2) else None

def conv_cell(c, page, state):
    if c.cell_type=='markdown': c.source = fix_md(c.source, page); return [c]
    if c.cell_type=='raw': return []
    d = {k:(yaml.safe_load(v) if v else True) for k,v in _dirs.findall(c.source)}
    c.source = _dirs.sub('', c.source).strip('\n')
    if d.get('include') is False: return []
    if d.get('output')=='asis':
        md = [o.data['text/markdown'] if 'data' in o else o.text for o in c.outputs if o.get('name')=='stdout' or 'text/markdown' in o.get('data',{})]
        res = [nbformat.v4.new_markdown_cell(fix_md(fix_showdoc(o), page), id=f'{c.id}-{i}') for i,o in enumerate(md)]
        return res if d.get('echo') is False else [nbformat.v4.new_code_cell(c.source, id=c.id)] + res
    c.outputs = [q for o in c.outputs if o.get('name')!='stderr' for q in static_widget(o, state)]   # warnings are for those who run it
    tags = []
    if d.get('echo') is False: tags.append('remove-input')
    if d.get('output') is False: tags.append('remove-output')
    fold = None if 'remove-input' in tags or 'Exported source' in c.source else folded(c.source, c.outputs)
    if d.get('code-fold') is True or fold: tags.append('hide-input')
    mt = {}
    if 'fig-cap' in d: mt['figure'] = {'caption':d['fig-cap']} | ({'name':d['label']} if 'label' in d else {})
    if 'fig-alt' in d: mt['image'] = {'alt':d['fig-alt']}
    if 'code-summary' in d or fold: mt['code_prompt_show'] = mt['code_prompt_hide'] = d.get('code-summary', fold)
    c.metadata = nbformat.NotebookNode({'tags':tags} | ({'mystnb':mt} if mt else {}))
    return [c]

def navigation():
    "The table of contents: every notebook under its part, with its number"
    res = []
    for (part,start),end in zip(parts.items(), [*parts.values()][1:]+[100]):
        nbs = [o for o in sorted(src.glob('[0-9]*.ipynb')) if start <= int(o.name[:2]) < end]
        titles = [f'{o.name.split("_")[0]} {front(nbformat.read(o, as_version=4))["title"]} <{html_name(Path(o.name))[:-5]}>' for o in nbs]
        if nbs: res.append('\n'.join(['```{toctree}', ':hidden:', f':caption: {part}', '', *titles, '```']))
    return '\n\n'.join(res)

def front(nb):
    "Title and description that nbdev took from a notebook's first cell"
    c = nb.cells[0] if nb.cells else None
    return {'title':'Untitled'} | (yaml.safe_load(c.source.strip().strip('-')) if c and c.cell_type=='raw' else {})

def conv(p):
    rel = p.relative_to(src); page = html_name(rel)
    nb = nbformat.read(p, as_version=4)
    state = nb.metadata.pop('widgets',{}).get('application/vnd.jupyter.widget-state+json',{}).get('state',{})
    fm = front(nb); head = f"# {fm['title']}\n\n"
    if 'description' in fm: head += f"{{.lead}}\n{fix_md(fm['description'], page)}\n"
    nb.cells = [nbformat.v4.new_markdown_cell(head, id='title')] + [o for c in merge_docs(nb.cells) for o in conv_cell(c, page, state)]
    nb.cells = [c for c in nb.cells if 'AUTOGENERATED' not in c.source]
    if page=='index.html': nb.cells.append(nbformat.v4.new_markdown_cell(navigation(), id='toc'))
    if any('{cite:p}' in c.source for c in nb.cells):
        named = any(c.cell_type=='markdown' and re.search('^## References$', c.source, re.M) for c in nb.cells)
        head = '' if named else '## References\n\n'
        nb.cells.append(nbformat.v4.new_markdown_cell(head+'```{bibliography}\n:filter: docname in docnames\n```', id='refs'))
    o = (dst/page).with_suffix('.ipynb'); o.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nb, o)

if __name__=='__main__':
    sys.path.insert(0, str(root))                 # the package of this checkout, also in the process that reads the notebooks
    proc_nbs(n_workers=1, force='--force' in sys.argv)
    if dst.exists(): shutil.rmtree(dst)
    nbs = sorted(o for o in src.rglob('*.ipynb') if not any(q[0] in '._' for q in o.relative_to(src).parts))
    for o in nbs: conv(o)
    for o in src.rglob('*'):                       # pictures and other files next to the notebooks
        r = o.relative_to(src)
        if o.is_file() and o.suffix not in ('.ipynb','.yml') and not any(q[0] in '._' for q in r.parts):
            (dst/r).parent.mkdir(parents=True, exist_ok=True); shutil.copy2(o, dst/r)
    shutil.rmtree(out, ignore_errors=True)
    opts = [o for o in sys.argv[1:] if o!='--force']
    r = subprocess.run([sys.executable,'-m','sphinx','-b','html','-c',str(root/'docs'),'-q','--keep-going',*opts,str(dst),str(out)])
    for o in (out/'.doctrees', out/'_sources', out.parent/'jupyter_execute'): shutil.rmtree(o, ignore_errors=True)
    (out/'.nojekyll').touch()
    sys.exit(r.returncode)
