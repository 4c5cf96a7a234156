"""Every seed that torch is given is larger by $SEED_SHIFT, in this process and in those that it starts

Python imports this file by itself where its folder is on PYTHONPATH: tools/robust.py sees to that. torch is not imported before it is wanted."""
import importlib.util,os,sys

def shift_seeds(torch, by):
    plain,manual_seed = torch.Generator,torch.manual_seed
    def shifted(seed): return manual_seed((int(seed)+by) % 2**63)
    class Generator(plain):
        def manual_seed(self, seed): super().manual_seed((int(seed)+by) % 2**63); return self
    torch.manual_seed,torch.random.manual_seed,torch.Generator = shifted,shifted,Generator

class Finder:
    "Finds torch once, and shifts its seeds as soon as it is there"
    def find_spec(self, name, path=None, target=None):
        if name!='torch': return
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name); execute = spec.loader.exec_module
        def exec_module(module): execute(module); shift_seeds(module, int(os.environ['SEED_SHIFT']))
        spec.loader.exec_module = exec_module
        return spec

if int(os.environ.get('SEED_SHIFT') or 0): sys.meta_path.insert(0, Finder())
