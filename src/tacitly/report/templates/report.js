"use strict";
// Draws the figures and redraws them when the reader's system turns light or dark.
(() => {
  const { figures, dark } = JSON.parse(document.getElementById("figures").textContent);
  const night = window.matchMedia("(prefers-color-scheme: dark)");
  const config = {
    displaylogo: false,
    responsive: true,
    modeBarButtons: [["toImage"]],
    displayModeBar: window.innerWidth > 600 ? "hover" : false,
    toImageButtonOptions: { scale: 2 },
  };

  const recoloured = (value) => {
    if (typeof value === "string") return dark[value] ?? value;
    if (Array.isArray(value)) return value.map(recoloured);
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([key, part]) => [key, recoloured(part)]));
  };

  const draw = (isDark, width) => {
    for (const [key, figure] of Object.entries(figures)) {
      const box = document.getElementById(`figure-${key}`);
      if (!box) continue;
      const { data, layout } = isDark ? recoloured(figure) : structuredClone(figure);
      window.Plotly.react(box, data, { ...layout, width, autosize: !width }, config);
    }
  };

  night.addEventListener("change", () => draw(night.matches));
  window.addEventListener("beforeprint", () => draw(false, 620));
  window.addEventListener("afterprint", () => draw(night.matches));
  draw(night.matches);
})();
