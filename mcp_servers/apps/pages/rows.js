function draw(result) {
  const columns = result.columns || [];
  const rows = (result.rows || []).slice();
  const numbers = columns.map((_, at) => rows.length > 0 && rows.every((row) => row[at] === null || typeof row[at] === 'number'));
  const table = make('table');
  table.append(make('caption', `${rows.length} rows${result.truncated ? ', of more' : ''}`));
  const head = make('tr');
  const body = make('tbody');
  let sorted = -1;
  let down = false;
  columns.forEach((column, at) => {
    const cell = make('th', undefined, { scope: 'col', 'aria-sort': 'none' });
    const button = make('button', column, { type: 'button' });
    button.addEventListener('click', () => {
      down = sorted === at ? !down : false;
      sorted = at;
      rows.sort((a, b) => {
        const [x, y] = down ? [b[at], a[at]] : [a[at], b[at]];
        if (x === null || y === null) return (a[at] === null) - (b[at] === null);
        return numbers[at] ? x - y : String(x).localeCompare(String(y));
      });
      for (const other of head.children) other.setAttribute('aria-sort', 'none');
      cell.setAttribute('aria-sort', down ? 'descending' : 'ascending');
      fill();
    });
    cell.append(button);
    head.append(cell);
  });
  function fill() {
    body.replaceChildren(...rows.map((row) => {
      const line = make('tr');
      row.forEach((value, at) => line.append(make('td', value === null ? '' : value, numbers[at] ? { class: 'number' } : {})));
      return line;
    }));
  }
  fill();
  const top = make('thead');
  top.append(head);
  table.append(top, body);
  const value = numbers.lastIndexOf(true);
  const label = numbers.indexOf(false);
  if (value >= 0 && label >= 0 && rows.length > 1) shown.append(bars(rows.slice(0, 20), label, value, columns));
  shown.append(table);
}
function bars(rows, label, value, columns) {
  const most = Math.max(...rows.map((row) => Math.abs(row[value] || 0))) || 1;
  const svg = make('svg:svg', undefined, {
    viewBox: `0 0 600 ${rows.length * 20}`, width: 600, height: rows.length * 20, role: 'img',
    'aria-label': `${columns[value]} by ${columns[label]}` });
  rows.forEach((row, n) => {
    const wide = Math.abs(row[value] || 0) / most * 330;
    svg.append(make('svg:text', String(row[label] === null ? '' : row[label]).slice(0, 24), { x: 0, y: n * 20 + 14 }));
    svg.append(make('svg:rect', undefined, { x: 170, y: n * 20 + 3, width: wide, height: 14 }));
    svg.append(make('svg:text', row[value], { x: 176 + wide, y: n * 20 + 14 }));
  });
  return svg;
}
