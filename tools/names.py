"""Every global name that a function or a class of the package uses exists in its module

A cell sees all names of its notebook, the module made from it only those that it exports and imports. Where one is missing, the notebook passes and
the package raises a NameError in use. Each module is imported, so that what `import *` brings counts."""
import builtins,dis,importlib,sys
from pathlib import Path
from types import CodeType

root = Path(__file__).resolve().parent.parent

def codes(code):
    "The code objects inside, at any depth: functions, classes, lambdas, comprehensions"
    for o in code.co_consts:
        if isinstance(o, CodeType): yield o; yield from codes(o)

def names(code, kind):
    "Global names that a code object loads or stores, with the names of a class body"
    return {o.argval for o in dis.get_instructions(code) if o.opname.startswith(kind) and o.opname.endswith(('_GLOBAL','_GLOBALS','_NAME'))}

def missing(path):
    "(line, function or class, name) for every name that the module lacks"
    module = importlib.import_module(f'{path.parent.name}.{path.stem}'); source = path.read_text(encoding='utf-8')
    known = vars(module).keys() | vars(builtins).keys() | {'__module__','__qualname__','__annotations__'}
    return [(c.co_firstlineno, getattr(c, 'co_qualname', c.co_name), o)
            for c in codes(compile(source, path, 'exec')) for o in sorted(names(c, 'LOAD') - names(c, 'STORE') - known)]

def main():
    sys.path.insert(0, str(root))
    bad = [f'gannb/{path.name}, line {n}: {where} uses {o}, which the module does not have'
           for path in sorted((root/'gannb').glob('[a-z]*.py')) for n,where,o in missing(path)]
    print('\n'.join(bad) or 'every name exists'); sys.exit(bool(bad))

if __name__=='__main__': main()
