// What holds for every plot: nothing that it shows leaves for another host. plotly.js would offer to
// upload a chart to its maker's cloud.

export const SETTINGS = { responsive: true, displaylogo: false, showSendToCloud: false, plotlyServerURL: "" };
