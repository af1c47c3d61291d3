// Runs before anything is drawn, so that nobody who chose dark is shown a white page first.
document.documentElement.dataset.theme = localStorage.getItem("theme") ?? "system";
