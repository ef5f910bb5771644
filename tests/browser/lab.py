#!/usr/bin/python3
"""A person's way through JupyterLab, in a real headless Chromium.

    lab.py URL PICTURES [KERNEL]

URL is the printed one, with its token; KERNEL ("Python 3" or "R") what the notebook is made with.
Each step is a line of standard output and a picture; the first that fails ends it with status 1.
What was saved lies in the folder that the lab opens in: made.txt, terminal.txt and the notebook.
"""
import os
import sys
import tempfile
import time

from selenium import webdriver
from selenium.common.exceptions import WebDriverException
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys

CODE = {
    "Python 3": {
        "plot": "import matplotlib.pyplot as plt; plt.plot([1, 4, 9, 16])",
        "write": "open('made.txt', 'w').write('by a cell')",
        "set": "answer = 42; print('answer is', answer)",
        "get": "print('answer is', answer)",
        "gone": "NameError",
    },
    "R": {
        "plot": "plot(c(1, 4, 9, 16))",
        "write": "writeLines('by a cell', 'made.txt')",
        "set": "answer <- 42; cat('answer is', answer)",
        "get": "cat('answer is', answer)",
        "gone": "not found",
    },
}


class Lab:
    def __init__(self, pictures):
        self.pictures = pictures
        self.count = 0
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic",
                     "--no-first-run", "--disable-background-networking", "--disable-sync",
                     "--disable-component-update", "--disable-dev-shm-usage",
                     "--window-size=1280,900", "--user-data-dir=" + tempfile.mkdtemp()):
            options.add_argument(word)
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)

    def done(self, step):
        self.count += 1
        self.driver.save_screenshot(os.path.join(self.pictures, f"{self.count:02}-{step}.png"))
        print("ok", step, flush=True)

    def wait(self, what, ask, seconds=90):
        """Until ask() gives something true; elements come and go while the page builds itself."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            try:
                found = ask()
                if found:
                    return found
            except WebDriverException:
                pass
            time.sleep(0.2)
        self.driver.save_screenshot(os.path.join(self.pictures, "failed.png"))
        sys.exit(f"lab.py: no {what} after {seconds} s (failed.png)")

    def find(self, selector, what=None):
        def ask():
            found = [e for e in self.driver.find_elements(By.CSS_SELECTOR, selector)
                     if e.is_displayed()]
            return found[-1] if found else None
        return self.wait(what or selector, ask)

    def click(self, selector):
        def ask():
            self.find(selector).click()
            return True
        self.wait(selector, ask)

    def keys(self, *words):
        webdriver.ActionChains(self.driver).send_keys(*words).perform()

    def chord(self, *held, key):
        chain = webdriver.ActionChains(self.driver)
        for word in held:
            chain.key_down(word)
        chain.send_keys(key)
        for word in reversed(held):
            chain.key_up(word)
        chain.perform()

    def run_cell(self, text):
        """Into the last cell; a new one follows it."""
        cells = len(self.driver.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-CodeCell"))
        self.click(".jp-Notebook .jp-CodeCell:last-of-type .cm-content")
        self.keys(text)
        self.chord(Keys.SHIFT, key=Keys.ENTER)
        self.wait("next cell", lambda: len(self.driver.find_elements(
            By.CSS_SELECTOR, ".jp-Notebook .jp-CodeCell")) > cells)
        # A kernel that was not connected yet has run nothing, and the cell's number stays empty: then,
        # as a person would, once more.
        for _ in range(5):
            if self.has_number(cells - 1):
                return
            self.driver.find_elements(
                By.CSS_SELECTOR, ".jp-Notebook .jp-CodeCell .cm-content")[cells - 1].click()
            self.chord(Keys.SHIFT, key=Keys.ENTER)
        sys.exit(f"lab.py: cell {cells} was not run")

    def has_number(self, index):
        end = time.monotonic() + 10
        while time.monotonic() < end:
            cells = self.driver.find_elements(By.CSS_SELECTOR, ".jp-Notebook .jp-CodeCell")
            prompt = cells[index].find_element(By.CSS_SELECTOR, ".jp-InputPrompt").text
            if any(c in prompt for c in "0123456789*"):
                return True
            time.sleep(0.2)
        return False

    def idle(self):
        self.wait("idle kernel", lambda: "| Idle" in self.driver.find_element(
            By.CSS_SELECTOR, "#jp-main-statusbar").text)

    def outputs(self):
        return [e.text for e in self.driver.find_elements(
            By.CSS_SELECTOR, ".jp-Notebook .jp-OutputArea-output")]


def walk(lab, url, code, kernel):
    lab.driver.get(url.split("?")[0])
    lab.wait("login page", lambda: "/login" in lab.driver.current_url)
    lab.find("input[name=password]", "question for the token")
    lab.done("refused-without-token")

    lab.driver.get(url.replace("token=", "token=0"))
    lab.wait("login page", lambda: "/login" in lab.driver.current_url)
    lab.done("refused-with-another-token")

    lab.driver.get(url)
    lab.find(".jp-Launcher", "launcher")
    lab.done("launcher")

    lab.click(f'.jp-LauncherCard[data-category="Notebook"][title^="{kernel}"]')
    lab.find(".jp-Notebook .cm-content", "notebook")
    lab.idle()
    lab.done("notebook")

    lab.run_cell(code["plot"])
    lab.find(".jp-Notebook .jp-RenderedImage img, .jp-Notebook .jp-RenderedSVG img", "plot")
    lab.done("plot")

    lab.run_cell(code["write"])
    lab.run_cell(code["set"])
    lab.wait("answer", lambda: any("answer is 42" in text for text in lab.outputs()))
    lab.done("cells")

    lab.chord(Keys.CONTROL, key="s")
    lab.click(".jp-Dialog .jp-mod-accept")
    lab.wait("saved notebook", lambda: not lab.driver.find_elements(By.CSS_SELECTOR, ".jp-Dialog"))
    lab.done("saved")

    # In command mode, as the menu says: 0 twice.
    lab.keys(Keys.ESCAPE)
    lab.keys("0", "0")
    lab.click(".jp-Dialog .jp-mod-accept")
    lab.wait("closed dialogue", lambda: not lab.driver.find_elements(By.CSS_SELECTOR, ".jp-Dialog"))
    lab.idle()
    lab.run_cell(code["get"])
    lab.wait("forgotten variable", lambda: any(code["gone"] in text for text in lab.outputs()))
    lab.done("kernel-restarted")

    lab.chord(Keys.CONTROL, Keys.SHIFT, key="l")
    lab.click('.jp-LauncherCard[data-category="Other"][title*="terminal"]')
    lab.find(".jp-Terminal .xterm", "terminal")
    time.sleep(1)
    lab.click(".jp-Terminal .xterm")
    lab.keys("cd /volumes/notebooks && echo by a terminal $((40 + 2)) | tee terminal.txt", Keys.ENTER)
    time.sleep(1)
    lab.done("terminal")


def main():
    url, pictures = sys.argv[1:3]
    kernel = sys.argv[3] if len(sys.argv) > 3 else "Python 3"
    lab = Lab(pictures)
    try:
        walk(lab, url, CODE[kernel], kernel)
    finally:
        lab.driver.quit()


main()
