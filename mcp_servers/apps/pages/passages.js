function draw(result) {
  const words = new Set((String(input.query || '').toLowerCase().match(/[\p{L}\p{N}]{3,}/gu)) || []);
  const hits = new Map((result.hits || []).map((hit) => [hit.id, hit]));
  if (!result.confident) shown.append(make('p', 'None of these seems to answer the question.'));
  for (const source of result.sources || []) {
    const hit = hits.get(source.id) || {};
    const article = make('article');
    article.append(make('h2', source.title));
    const sure = hit.confidence === undefined ? '' : ` · ${Math.round(100 * hit.confidence)} %`;
    article.append(make('small', `${source.id}${source.locator ? ` · ${source.locator}` : ''}${sure}`));
    const text = make('p');
    for (const part of String(source.text || '').split(/([\p{L}\p{N}]+)/u)) {
      text.append(words.has(part.toLowerCase()) ? make('mark', part) : part);
    }
    article.append(text);
    shown.append(article);
  }
}
