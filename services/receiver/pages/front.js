// What the page of `/` shows, asked again every two seconds. Everything is set as text, so nothing
// that a sender named can become a part of the page.

const EVERY_MS = 2000;
const UNANSWERED_MS = 5000;

const element = (id) => document.getElementById(id);
const number = (value) => value.toLocaleString('en');

/** In the unit that leaves three digits before the point at most. */
function bytes(value) {
  const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'];
  let unit = 0;
  for (; value >= 1000 && unit < units.length - 1; unit += 1) value /= 1024;
  return `${unit === 0 ? value : value.toFixed(1)} ${units[unit]}`;
}

function duration(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  const s = ms / 1000;
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.round(s / 60)} min`;
  return s < 172_800 ? `${Math.round(s / 3600)} h` : `${Math.round(s / 86_400)} days`;
}

/** Cells that are numbers, or begin with one, stand at the right. */
function fill(table, titles, rows) {
  const line = (tag, cells) => {
    const row = document.createElement('tr');
    cells.forEach((text, i) => {
      const cell = document.createElement(tag);
      cell.textContent = text;
      if (/^[\d–]/.test(rows[0]?.[i] ?? '')) cell.className = 'number';
      row.append(cell);
    });
    return row;
  };
  table.replaceChildren(line('th', titles), ...rows.map((cells) => line('td', cells)));
}

/** Of a whole process, or of a receiver alone, which knows itself only. */
function show(status) {
  const stages = status.stages ?? [status];
  const isReady = status.ready;
  element('version').textContent = status.version ?? '';
  element('state').textContent = isReady ? 'Ready.' : 'Not ready; what is wrong stands below.';
  element('state').className = isReady ? 'good' : 'bad';
  const facts = [];
  if (status.started !== undefined) {
    facts.push(`up ${duration(Date.now() - Date.parse(status.started))}`);
  }
  if (status.directory !== undefined) facts.push(`data in ${status.directory}`);
  if (status.logBytes !== undefined) facts.push(`log ${bytes(status.logBytes)}`);
  if (status.store !== undefined) facts.push(storeText(status.store));
  element('facts').textContent = facts.join(' · ');
  element('sql').textContent = statements(status.directory);
  showReasons(stages, status.store);
  showLedger(status.store?.ledger);
  fill(
    element('stages'),
    ['stage', 'partition', 'state', 'position', 'end of its log', 'lag'],
    stages.flatMap(({ stage, partitions }) =>
      partitions.map(({ partition, state, position, endOffset, lagMs }) => [
        stage,
        String(partition),
        state,
        number(position),
        number(endOffset),
        duration(lagMs),
      ]),
    ),
  );
}

/** As a shell takes them; of a cluster `DATABASE_URL` names the store. */
function statements(directory) {
  const where =
    directory === undefined ? '' : ` --data-dir '${directory.replaceAll("'", `'\\''`)}'`;
  const newest =
    'SELECT time, metric, labels, value FROM series_samples ' +
    `WHERE bucket > now() - interval '1 hour' ORDER BY time DESC LIMIT 5`;
  return `npx millrace sql${where}\nnpx millrace sql${where} "${newest}"`;
}

function storeText({ kind, isRunning, problem, bytes: size }) {
  const what = kind === 'embedded' ? 'PostgreSQL of its own' : 'PostgreSQL';
  if (!isRunning) return `${what}: not running`;
  if (problem !== undefined || size === undefined) return `${what}: does not answer`;
  return `${what}, ${bytes(size)}`;
}

function showReasons(stages, store) {
  const told = new Set(store?.problem === undefined ? [] : [`The store: ${store.problem}`]);
  for (const { stage, partitions } of stages) {
    for (const { partition, reason, warning } of partitions) {
      for (const why of [reason, warning]) {
        if (why === undefined) continue;
        const text = `${stage}, partition ${partition}: ${why.code}: ${why.message}`;
        told.add(why.remedy === undefined ? text : `${text} → ${why.remedy}`);
      }
    }
  }
  const lines = [...told].map((text) => {
    const line = document.createElement('p');
    line.className = 'bad';
    line.textContent = text;
    return line;
  });
  element('reasons').replaceChildren(...lines);
}

const words = { deadLetter: 'dead letter' };
let before;

function showLedger(ledger) {
  if (ledger === undefined) {
    element('ledger').replaceChildren();
    element('rate').textContent = 'The store tells; it does not answer, or is another process.';
    return;
  }
  const names = Object.keys(ledger);
  fill(
    element('ledger'),
    names.map((name) => words[name] ?? name),
    [names.map((name) => number(ledger[name]))],
  );
  const now = { accepted: ledger.accepted, ms: performance.now() };
  // Totals come every second or so: over a shorter time the rate would jump.
  before ??= now;
  const seconds = (now.ms - before.ms) / 1000;
  if (seconds < 4) return;
  const rate = (now.accepted - before.accepted) / seconds;
  element('rate').textContent =
    `${rate.toFixed(rate < 10 ? 1 : 0)} samples accepted a second, of ourselves as well, ` +
    `over the last ${Math.round(seconds)} s.`;
  if (seconds > 9) before = now;
}

async function ask() {
  try {
    const response = await fetch('/api/v1/status', { signal: AbortSignal.timeout(UNANSWERED_MS) });
    show(await response.json());
    element('state').dataset.answered = new Date().toLocaleTimeString();
  } catch {
    const { answered } = element('state').dataset;
    element('state').className = 'bad';
    element('state').textContent =
      'The process does not answer; what was acknowledged is safe. ' +
      (answered === undefined ? '' : `All below is of ${answered}.`);
  }
  setTimeout(() => void ask(), EVERY_MS);
}

const { origin } = location;
const sample = '{"name":"orders_total","labels":{"shop":"a"},"value":1,"kind":"delta"}';
element('curl').textContent =
  `curl ${origin}/v1/events -H 'Content-Type: application/json' -d '${sample}'`;
element('remote').textContent = `remote_write:\n  - url: ${origin}/api/v1/write`;
void ask();
