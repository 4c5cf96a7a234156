import datetime,shutil
from importlib.util import find_spec
from pathlib import Path
from docutils.nodes import SkipNode
from nbdev.config import get_config
cfg = get_config(path=Path(__file__).parent.parent)

project,author,release = cfg.title,cfg.author,cfg.version
copyright = cfg.copyright
extensions = ['myst_nb','sphinx_copybutton','sphinx_design','sphinxcontrib.bibtex']
exclude_patterns = ['_build','**/.ipynb_checkpoints']
# notebooks: show the stored outputs
nb_execution_mode = 'off'
nb_merge_streams = True
nb_code_prompt_show,nb_code_prompt_hide = 'Show the code','Hide the code'
nb_render_markdown_format = 'myst'
myst_enable_extensions = ['dollarmath','amsmath','colon_fence','attrs_block','attrs_inline','deflist','html_image','tasklist','strikethrough']
myst_dmath_double_inline = True
myst_heading_anchors = 4
myst_all_links_external = True   # links are written by tools/build_docs.py
myst_update_mathjax = False
suppress_warnings = ['myst.header','mystnb.unknown_mime_type','bibtex.duplicate_citation','bibtex.duplicate_label']   # every page lists its own references
bibtex_bibfiles = ['../docs/refs.bib']
bibtex_default_style = 'plain'
bibtex_reference_style = 'author_year'
numfig = False
html_math_renderer = 'plain'

html_theme = 'pydata_sphinx_theme'
html_title = cfg.title
html_static_path = ['_static']
html_css_files = ['custom.css']
html_js_files = ['math.js', ('mathjax/tex-chtml.js', {'defer':'defer'})]
html_logo = html_favicon = '_static/logo.svg'
templates_path = ['_templates']
html_show_sourcelink = False
html_copy_source = False
html_context = dict(github_user=cfg.user, github_repo=cfg.repo, github_version=cfg.branch, doc_path=cfg.nbs_path.name, default_mode='auto')
html_theme_options = dict(
    logo=dict(text=cfg.title), github_url=cfg.git_url, use_edit_page_button=False,
    navbar_align='left', navbar_start=['navbar-logo'], navbar_center=[], navbar_end=['theme-switcher','navbar-icon-links'], navbar_persistent=['search-button-field'],
    secondary_sidebar_items=['page-toc'], show_prev_next=True, footer_start=['copyright'], footer_end=[], show_toc_level=2,
    pygments_light_style='github-light', pygments_dark_style='github-dark',
)
html_sidebars = {'**':['nav.html']}

def copy_mathjax(app, exc):
    if exc: return
    m = Path(find_spec('sphinx-mathjax-offline').submodule_search_locations[0])/'static/mathjax'
    d = Path(app.outdir)/'_static/mathjax'
    for o in ('tex-chtml.js','output/chtml/fonts','input/tex/extensions'):
        s = m/o
        if s.is_dir(): shutil.copytree(s, d/o, dirs_exist_ok=True)
        elif s.exists(): d.mkdir(parents=True, exist_ok=True); shutil.copy2(s, d/o)

# the equations as written: no `split` around them, no second numbers
def inline_math(self, node):
    self.body.append(self.starttag(node, 'span', '', CLASS='math notranslate') + r'\(' + self.encode(node.astext()) + r'\)</span>')
    raise SkipNode
def block_math(self, node):
    self.body.append(self.starttag(node, 'div', CLASS='math notranslate') + r'\[' + self.encode(node.astext()) + r'\]</div>')
    raise SkipNode

def setup(app):
    app.add_html_math_renderer('plain', inline_renderers=(inline_math,None), block_renderers=(block_math,None))
    app.connect('build-finished', copy_mathjax)
    return {'parallel_read_safe':True}
