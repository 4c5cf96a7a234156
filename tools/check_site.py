"Check a built site: every local link, anchor and asset exists, and nothing is loaded from another host"
import re,sys
from html import unescape
from pathlib import Path
from urllib.parse import urldefrag,unquote
root = Path(sys.argv[1] if len(sys.argv)>1 else '_docs')
ids,bad = {},[]
def ids_of(p):
    if p not in ids: ids[p] = set(unescape(o) for o in re.findall(r'\b(?:id|name)="([^"]+)"', p.read_text(encoding='utf-8')))
    return ids[p]
for p in (o for o in root.rglob('*.html') if '_static' not in o.parts):
    txt = re.sub(r'<script(?![^>]*src).*?</script>', '', p.read_text(encoding='utf-8'), flags=re.S)
    for tag,attr,url in re.findall(r'<(\w+)[^>]*?\b(href|src)="([^"]+)"', txt):
        url = unescape(url)
        if re.match(r'(mailto|data|javascript):', url): continue
        if '://' in url:
            if tag!='a': bad.append(f'{p.name}: <{tag}> loads {url}')
            continue
        f,h = urldefrag(url); f = f.split('?')[0]
        t = (p.parent/unquote(f)).resolve() if f else p.resolve()
        if t.is_dir(): t = t/'index.html'
        if not t.exists(): bad.append(f'{p.name}: no {url}')
        elif h and t.suffix=='.html' and unquote(h) not in ids_of(t) and tag=='a' and h!='': bad.append(f'{p.name}: no anchor {url}')
pages = len(list(root.rglob('*.html')))
if not pages: bad.append(f'no page in {root}: run tools/build_docs.py')
print('\n'.join(bad) or f'{pages} pages, all links good'); sys.exit(bool(bad))
