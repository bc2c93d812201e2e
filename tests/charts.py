"""A page in a browser with all its charts, which are drawn at once where a page is printed."""

from __future__ import annotations

HEIGHTS = {1280: 900, 768: 1024, 360: 740}
# Pages that compute their answer from files have it, or say why not.
ANSWERED = """
const said = [...document.querySelectorAll("#answer, #own-said, #two-said")];
return !said.length || said.some((one) => one.textContent.trim());
"""
DRAWN = "return [...document.querySelectorAll('.chart')].every((chart) => chart.querySelector('svg'))"


def draw_all(browser) -> None:
    """Draw every chart of the page that is open."""
    from selenium.webdriver.support.wait import WebDriverWait

    wait = WebDriverWait(browser, 60)
    wait.until(lambda b: b.execute_script(ANSWERED))
    browser.execute_script("dispatchEvent(new Event('beforeprint'))")
    wait.until(lambda b: b.execute_script(DRAWN))


def opened(browser, address: str, width: int = 1280, dark: bool = False) -> list[str]:
    """Open a page with all its charts; what it wrote to the console."""
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride",
        {"width": width, "height": HEIGHTS.get(width, 900), "deviceScaleFactor": 1, "mobile": width < 600},
    )
    scheme = "dark" if dark else "light"
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    )
    browser.get_log("browser")
    browser.get(address)
    draw_all(browser)
    return [entry["message"] for entry in browser.get_log("browser")]
