function draw(run) {
  shown.append(make('h2', run.asked || run.flow), make('small', `${run.run} · ${run.status} · ${run.at}`));
  const steps = run.plan || [];
  const signs = { done: '✓', failed: '✗', running: '…', planned: '○' };
  const drawn = new Set();
  function branch(step) {
    drawn.add(step.id);
    const item = make('li', `${signs[step.state] || ''} ${step.role}: ${step.task}`, { 'data-state': step.state });
    const below = steps.filter((each) => !drawn.has(each.id) && each.needs[each.needs.length - 1] === step.id);
    if (below.length) {
      const list = make('ul');
      for (const each of below) if (!drawn.has(each.id)) list.append(branch(each));
      item.append(list);
    }
    return item;
  }
  const known = new Set(steps.map((step) => step.id));
  const tree = make('ul');
  for (const step of steps) if (!step.needs.some((need) => known.has(need))) tree.append(branch(step));
  for (const step of steps) if (!drawn.has(step.id)) tree.append(branch(step)); // what needs itself is not lost
  shown.append(tree);
  if (run.answer) shown.append(make('p', run.answer));
  if (run.error) shown.append(make('p', run.error));
}
