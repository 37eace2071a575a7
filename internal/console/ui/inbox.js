// The inbox: notifications in the form sent to Discord, newest first.
import { ask, el, say, since, span } from './base.js';

const most = 6; // notifications shown; /inbox has the rest

let seen; // ids that were shown before; undefined until the first update

/** Reads the inbox and shows the notifications. */
export async function showInbox(list) {
  const { notifications } = await ask(`/inbox?limit=${most}`);
  if (notifications.length === 0) return;
  const shown = new Map([...list.children].map((card) => [card.dataset.key, card]));
  list.replaceChildren(...notifications.map((notice) => {
    const key = keyOf(notice);
    const card = shown.get(key) ?? newCard(notice, key);
    if (seen && !seen.has(notice.id)) card.classList.add('fresh');
    say(card.querySelector('time'), `${span(since(notice.time))} ago`);
    return card;
  }));
  seen = new Set(notifications.map((n) => n.id));
}

/** The key of a card. A card with a new key is created anew. */
function keyOf({ id, payload, delivery }) { return JSON.stringify([id, payload, delivery]); }

function newCard(notice, key) {
  const { content, embeds } = notice.payload;
  return el('article', { class: 'card notice', 'data-key': key },
    el('p', {}, el('span', {}, deliveryOf(notice)), el('time', { datetime: notice.time, title: notice.time })),
    content ? el('span', { class: 'content' }, content) : null,
    ...embeds.map(newEmbed));
}

function deliveryOf({ status, delivery: { state, attempts, last_error: error } }) {
  switch (state) {
    case 'delivering': return `${status}, sending to Discord${error ? ` (attempt ${attempts}: ${error})` : ''}`;
    case 'delivered': return `${status}, sent to Discord`;
    case 'failed': return `${status}, not delivered: ${error}`;
    default: return status;
  }
}

function newEmbed(embed) {
  const box = el('div', { class: 'embed' },
    el('h3', {}, ...rich(embed.title)),
    embed.description ? el('div', { class: 'about' }, ...rich(embed.description)) : null,
    embed.fields?.length ? el('dl', {}, ...embed.fields.map((f) => el('div', {}, el('dt', {}, ...rich(f.name)), el('dd', {}, ...rich(f.value))))) : null,
    embed.footer?.text ? el('footer', {}, embed.footer.text) : null);
  box.style.setProperty('--bar', `#${embed.color.toString(16).padStart(6, '0')}`);
  return box;
}

/** Renders the part of Discord's Markdown that the messages use: escapes and links to web pages. */
function rich(text) {
  const parts = [];
  let last = 0;
  for (const found of text.matchAll(/\\([!-/:-@[-`{-~])|\[([^\]]+)\]\((https?:\/\/[^\s)]+)\)/g)) {
    const [whole, escaped, label, href] = found;
    parts.push(text.slice(last, found.index), escaped ?? el('a', { href, rel: 'noreferrer' }, label));
    last = found.index + whole.length;
  }
  return [...parts, text.slice(last)];
}
