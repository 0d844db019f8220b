// What every page does: shakes hands with the host that shows it, and draws what the host sends. Text is only ever
// set as text, so nothing in a result can become part of the page.
'use strict';
const shown = document.getElementById('shown');
let input = {};
function tell(message) { parent.postMessage({ jsonrpc: '2.0', ...message }, '*'); }
function make(name, text, attributes) {
  const node = name.startsWith('svg:')
    ? document.createElementNS('http://www.w3.org/2000/svg', name.slice(4)) : document.createElement(name);
  if (text !== undefined && text !== null) node.textContent = String(text);
  for (const [key, value] of Object.entries(attributes || {})) node.setAttribute(key, value);
  return node;
}
function sized() {
  const box = document.documentElement.getBoundingClientRect();
  tell({ method: 'ui/notifications/size-changed', params: { width: Math.ceil(box.width), height: Math.ceil(box.height) } });
}
addEventListener('message', (event) => {
  const message = event.data;
  if (event.source !== parent || !message || message.jsonrpc !== '2.0') return;
  if (message.id === 'hello' && message.result) {
    tell({ method: 'ui/notifications/initialized', params: {} });
  } else if (message.method === 'ui/notifications/tool-input') {
    input = (message.params && message.params.arguments) || {};
  } else if (message.method === 'ui/notifications/tool-result') {
    shown.replaceChildren();
    const result = message.params || {};
    if (result.isError || !result.structuredContent) {
      for (const part of result.content || []) if (part.type === 'text') shown.append(make('p', part.text));
    } else draw(result.structuredContent);
    sized();
  } else if (message.id !== undefined && message.method) {
    tell({ id: message.id, result: {} });
  }
});
tell({ id: 'hello', method: 'ui/initialize', params: {
  appInfo: { name: 'lyceum', version: '1' }, appCapabilities: {}, protocolVersion: '2026-01-26' } });
