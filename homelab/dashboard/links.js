// A button that switches the links of the page to addresses at home. `homelabLocal` has the address
// at home of each link. The browser remembers the choice; at first the links stay as they are.
(() => {
  const KEY = "homelab-links";
  let isLocal = false;
  try {
    isLocal = localStorage.getItem(KEY) === "local";
  } catch {
    // Without storage the choice holds until the page is left.
  }

  const button = document.createElement("button");
  button.type = "button";
  button.id = "homelab-links";
  button.style.cssText =
    "align-self:center;margin:0.5rem;padding:0.25rem 0.75rem;border:1px solid currentColor;" +
    "border-radius:0.375rem;background:transparent;color:inherit;font:inherit;cursor:pointer;z-index:50";

  function rewrite(link) {
    const href = link.getAttribute("href");
    // The page may use the element again for another link.
    if ("remote" in link.dataset && href !== homelabLocal[link.dataset.remote]) {
      delete link.dataset.remote;
    }
    const remote = link.dataset.remote ?? href;
    if (!Object.hasOwn(homelabLocal, remote)) return;
    link.dataset.remote = remote;
    const wanted = isLocal ? homelabLocal[remote] : remote;
    if (href !== wanted) link.setAttribute("href", wanted);
  }

  function update() {
    const text = isLocal ? "Local" : "Remote";
    if (button.textContent !== text) {
      button.textContent = text;
      button.title = isLocal ? "Links lead to addresses at home" : "Links lead to public names";
      button.setAttribute("aria-pressed", String(isLocal));
    }
    // Beside the clock of Homepage; other pages get it in their corner.
    const place = document.getElementById("information-widgets-right") ?? document.body;
    if (button.parentElement !== place) {
      button.style.position = place === document.body ? "fixed" : "static";
      button.style.left = button.style.bottom = "0";
      place.append(button);
    }
    document.querySelectorAll("a[href]").forEach(rewrite);
  }

  button.addEventListener("click", () => {
    isLocal = !isLocal;
    try {
      localStorage.setItem(KEY, isLocal ? "local" : "remote");
    } catch {
      // As above.
    }
    update();
  });

  function start() {
    update();
    const changes = { childList: true, subtree: true, attributes: true, attributeFilter: ["href"] };
    new MutationObserver(update).observe(document.body, changes);
  }
  if (document.readyState === "loading") {
    document.addEventListener("DOMContentLoaded", start);
  } else {
    start();
  }
})();
