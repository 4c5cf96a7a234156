"""The explorer in real pages: headless Chromium moves sliders, and the pictures must change

In the page of the built site (_docs), whose pictures are stored, and in the panel of a run that Voilà serves.

    python tools/browse_explorer.py [--run FOLDER] [--shots FOLDER] [--seconds 240]

Without --run a small DCGAN is trained first. Prints PASS and what was measured, for each; `SKIPPED: why`, and exits with 0, where Voilà,
selenium, Chromium, its driver or the built site is missing; else FAILED and why. Needs no network; stops by itself and takes its processes
with it."""
import argparse,io,os,shutil,signal,socket,subprocess,sys,tempfile,time
from importlib.util import find_spec
from pathlib import Path
os.environ.setdefault('OMP_NUM_THREADS', '1')
root = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(root))

class Failed(Exception): "The page does not do what it should"

FLAGS = '''--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update
    --disable-sync --disable-dev-shm-usage --window-size=1000,900'''.split()

def missing():
    "What this machine lacks, or None"
    if o := next((o for o in ('voila', 'selenium', 'ipykernel') if not find_spec(o)), None): return f'no {o}: pip install {o}'
    if not browser(): return 'no Chromium: install chromium'
    if not shutil.which('chromedriver'): return 'no chromedriver: install chromium-driver'

def browser(): return next(filter(None, map(shutil.which, ('chromium', 'chromium-browser', 'google-chrome'))), None)

def small_run(folder):
    "A generator of digits, trained for seconds"
    import torch
    from gannb.data import load_data, image_dls
    from gannb.dcgan import dcgan
    from gannb.training import gan_learner
    from gannb.files import save_gan
    torch.manual_seed(0)
    gan = dcgan(16, nz=32, width=8, prior='normal')
    learn = gan_learner(image_dls(load_data('digits'), bs=32, device='cpu'), gan, lr=2e-3)
    with learn.no_bar(), learn.no_logging(): learn.fit(4)
    save_gan(gan, folder)
    return folder

def free_port():
    with socket.socket() as s: s.bind(('127.0.0.1', 0)); return s.getsockname()[1]

def serve(nb, home):
    "Voilà in a process group of its own, and its port"
    port = free_port()
    env = os.environ | dict(PYTHONPATH=str(root), IPYTHONDIR=str(home/'ipython'), JUPYTER_RUNTIME_DIR=str(home/'jupyter'))
    command = [sys.executable, '-m', 'voila', str(nb), f'--port={port}', '--no-browser', '--Voila.ip=127.0.0.1']
    p = subprocess.Popen(command, cwd=home, env=env, stdout=(home/'voila.log').open('w'), stderr=subprocess.STDOUT,
                         start_new_session=True)
    return p, port

def wait_for(what, f, seconds):
    "The first true answer of `f`"
    end = time.time() + seconds
    while time.time() < end:
        try:
            if res := f(): return res
        except OSError: pass
        time.sleep(.3)
    raise Failed(f'{what}: nothing within {seconds} s')

def end_group(p):
    "End a process that leads a group, and all that it started"
    for s in (signal.SIGTERM, signal.SIGKILL):
        try: os.killpg(p.pid, s)
        except (ProcessLookupError, PermissionError): break
        try: p.wait(5)
        except subprocess.TimeoutExpired: pass
        time.sleep(.3)

def end_all(word):
    "End what is left of the processes with `word`, a folder of this call, in their command or environment"
    for o in Path('/proc').glob('[0-9]*'):
        try:
            mine = any(word.encode() in (o/f).read_bytes() for f in ('cmdline', 'environ'))
            if mine and int(o.name) != os.getpid(): os.kill(int(o.name), signal.SIGKILL)
        except OSError: pass

def open_browser(home):
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service
    opts = webdriver.ChromeOptions()
    opts.binary_location = browser()
    for o in (*FLAGS, f'--user-data-dir={home/"profile"}'): opts.add_argument(o)
    service = Service(shutil.which('chromedriver'), popen_kw=dict(start_new_session=True))
    driver = None
    try: driver = webdriver.Chrome(options=opts, service=service)
    finally:
        if driver is None and getattr(service, 'process', None): end_group(service.process)
    driver.set_page_load_timeout(120)
    return driver, service.process

def grey(element):
    "What the screen shows of an element"
    import numpy as np
    from PIL import Image
    return np.array(Image.open(io.BytesIO(element.screenshot_as_png)).convert('L'), float)

def play_site(driver, page, shots):
    "Move every slider over stored pictures from end to end; what was seen"
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    driver.get(page.as_uri())
    boxes, changes = driver.find_elements(By.CSS_SELECTOR, '.nb-frames'), []
    if not boxes: raise Failed(f'no stored pictures in {page}')
    for i, box in enumerate(boxes):
        slider, label = (box.find_element(By.TAG_NAME, o) for o in ('input', 'output'))
        def seen():
            visible = [o for o in box.find_elements(By.TAG_NAME, 'img') if o.is_displayed()]
            if len(visible) != 1: raise Failed(f'{len(visible)} pictures are visible at once')
            return grey(visible[0]), label.text
        slider.send_keys(Keys.HOME); first = was = seen()
        for stop in range(int(slider.get_attribute('max'))):
            slider.send_keys(Keys.ARROW_RIGHT); now = seen()
            if was[0].shape != now[0].shape or (was[0] == now[0]).all() or was[1] == now[1]:
                raise Failed(f'slider {i + 1} of the site: from {was[1]} to {now[1]} nothing changes')
            changes.append(abs(now[0] - was[0]).mean()); was = now
            if shots and stop in (0, int(slider.get_attribute('max'))//2): driver.save_screenshot(str(shots/f'site-{i + 1}-{stop}.png'))
        slider.send_keys(Keys.HOME)
        if (seen()[0] != first[0]).any(): raise Failed(f'slider {i + 1} of the site does not lead back')
    return len(boxes), len(changes), min(changes), max(changes)

def play(driver, url, shots):
    "Move sliders in the page; what was seen"
    from selenium.common.exceptions import WebDriverException
    from selenium.webdriver.common.by import By
    from selenium.webdriver.common.keys import Keys
    css = lambda s: driver.find_elements(By.CSS_SELECTOR, s)
    def picture():
        try: return grey(css('img.widget-image')[0])
        except WebDriverException: return None
    def shot(name):
        if shots: driver.save_screenshot(str(shots/f'{name}.png'))
    def press(slider, key, times):
        for _ in range(times): slider.send_keys(key)
    def settled():
        last = [None]
        def same():
            now, before = picture(), last[0]; last[0] = now
            return now is not None and before is not None and now.shape == before.shape and (now == before).all()
        wait_for('a picture that stands still', same, 30)
        return last[0]
    def moved(name, since):
        return wait_for(f'{name}: another picture', lambda: (o := picture()) is not None and abs(o - since).mean() > 1, 30)
    driver.get(url)
    wait_for('a picture and sliders in the page', lambda: css('img.widget-image') and css('.noUi-handle'), 120)
    before, sliders = settled(), css('.noUi-handle')
    if before.std() < 1: raise Failed('the picture is empty')
    shot('before')
    press(sliders[0], Keys.ARROW_RIGHT, 25); moved('the first slider', before)
    after = settled(); shot('after')
    press(sliders[0], Keys.ARROW_LEFT, 25)
    wait_for('the first slider back: the first picture', lambda: (o := picture()) is not None and (o == before).all(), 30)
    press(sliders[-1], Keys.END, 1); moved('the slider from A to B', before)
    there = settled(); shot('b')
    return len(sliders), abs(after - before).mean(), abs(there - before).mean()

def main():
    p = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    p.add_argument('--run'); p.add_argument('--shots', type=Path); p.add_argument('--seconds', type=int, default=240)
    a = p.parse_args()
    if why := missing(): print(f'SKIPPED: {why}'); return
    def late(*_): raise Failed(f'not done within {a.seconds} s')
    signal.signal(signal.SIGALRM, late); signal.alarm(a.seconds)
    if a.shots: a.shots.mkdir(parents=True, exist_ok=True)
    groups, driver = [], None
    with tempfile.TemporaryDirectory(prefix='gannb-', ignore_cleanup_errors=True) as d:
        home = Path(d)
        try:
            driver, process = open_browser(home); groups.append(process)
            if (page := root/'_docs/explorer.html').exists():
                n, stops, least, most = play_site(driver, page, a.shots)
                print(f'PASS site: {n} sliders over stored pictures; each of {stops} stops changes a pixel by {least:.1f} to {most:.1f} of 255 '
                      f'on average, and the way back restores the picture', flush=True)
            else: print(f'SKIPPED site: no {page.relative_to(root)}: make docs', flush=True)
            from gannb.explorer import panel_notebook
            nb = panel_notebook(Path(a.run).resolve() if a.run else small_run(home/'run'), home/'explorer.ipynb')
            server, port = serve(nb, home); groups.append(server)
            def up():
                if server.poll() is not None: raise Failed('Voilà stopped')
                with socket.create_connection(('127.0.0.1', port), 1): return True
            wait_for('Voilà', up, 60)
            n, one, b = play(driver, f'http://127.0.0.1:{port}/', a.shots)
            print(f'PASS panel: {n} sliders; moving the first changes a pixel by {one:.1f} of 255 on average and moving it back restores the '
                  f'picture, from A to B changes it by {b:.1f}')
        except Exception as e:
            print(f'FAILED: {" ".join(str(e).split()) or type(e).__name__}')
            if (home/'voila.log').exists(): print(''.join((home/'voila.log').read_text(errors='replace').splitlines(True)[-15:]))
            sys.exit(1)
        finally:
            signal.alarm(0)
            for o in reversed(groups): end_group(o)
            end_all(str(home))

if __name__=='__main__': main()
