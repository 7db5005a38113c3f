// Runs the setup page's own script against the real server, in a document of straw: clicks, presses, prints what came of it as JSON.
const [base, mode] = process.argv.slice(2);
class Node {
  constructor(kind) { this.kind = kind; this.children = []; this.dataset = {}; this.value = ""; this.textContent = ""; this.width = 480; this.height = 320;
    this.classList = {toggle() {}}; this.style = {}; }
  append(...more) { this.children.push(...more); }
  replaceChildren(...more) { this.children = more; }
  getBoundingClientRect() { return {left: 0, top: 0, width: this.width, height: this.height}; }
  getContext() { return new Proxy({}, {get: (t, k) => k in t ? t[k] : () => {}, set: (t, k, v) => (t[k] = v, true)}); }
}
const byId = {};
global.document = {getElementById: id => byId[id] || (byId[id] = new Node(id)), createElement: kind => new Node(kind), hidden: false, body: new Node("body")};
// inputs get an id by assignment: register them
const proto = Node.prototype;
Object.defineProperty(proto, "id", {set(v) { byId[v] = this; }, get() { return undefined; }});
global.Image = class { set src(v) { this.naturalWidth = 480; this.naturalHeight = 320; setImmediate(() => this.onload && this.onload()); } };
global.URL.createObjectURL = () => "blob:x"; global.URL.revokeObjectURL = () => {};
const real = fetch;
global.fetch = (name, how) => real(base + name, how);
global.setInterval = () => {};
(async () => {
  const page = await (await real(base)).text();
  const script = page.split("<script>")[1].split("</script>")[0];
  (0, eval)(script.replace('"use strict";', ""));
  const rest = ms => new Promise(r => setTimeout(r, ms));
  await rest(1500);
  const tools = byId.tools.children, pick = words => tools.find(t => t.textContent === words).onclick();
  const canvas = byId.picture, click = (x, y, dbl) => { canvas.onmousemove({clientX: x, clientY: y}); canvas.onclick({clientX: x, clientY: y, detail: 1}); };
  if (mode === "falling") {
    pick("floor line");
    for (const [floor, row] of [[1, 300], [5, 160], [9, 40]]) { byId.floor.value = String(floor); click(0, row); click(479, row + 1); await rest(200); }
    pick("facade"); click(0, 0); click(470, 0); click(470, 310); canvas.ondblclick(); await rest(300);
    pick("privacy mask"); click(10, 10); click(50, 10); click(50, 60); canvas.ondblclick(); await rest(300);
    pick("column border"); click(200, 10); await rest(300);
    byId.view_deg.value = "60"; await byId.view_deg.onchange(); await rest(300);
  } else {
    pick("lane"); click(10, 10); click(400, 10); click(400, 300); canvas.ondblclick(); await rest(300);
    pick("crossing line"); click(10, 200); click(400, 210); await rest(300);
  }
  const said = () => byId.told.children.map(one => one.textContent);
  const found = {text: byId.text.textContent, told: said(), rows: byId.table.children.length};
  const [save, done] = byId.ends.children;
  await save.onclick();
  await rest(300);
  found.saved = said();
  await done.onclick();
  console.log(JSON.stringify(found));
})().catch(error => { console.error(error); process.exit(1); });
