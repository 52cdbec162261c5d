// The gallery: real email systems in the notation, from the folder of that name, each with its title (its first comment).

const FILES = import.meta.glob<string>('../../../gallery/*.borderpost', {
  query: '?raw',
  import: 'default',
  eager: true,
})

export interface Example {
  /** The name of its file. */
  readonly name: string
  readonly title: string
  readonly text: string
}

/** First what the article draws, then the others by name. */
const FIRST = ['diagram-1', 'diagram-2', 'figure-1', 'small-office', 'plain-forwarder', 'srs-forwarder']

const rank = (name: string) => (FIRST.includes(name) ? FIRST.indexOf(name) : FIRST.length)

export const GALLERY: readonly Example[] = Object.entries(FILES)
  .map(([path, text]) => ({ name: path.replace(/^.*\/|\.borderpost$/g, ''), title: titleOf(text), text }))
  .sort((a, b) => rank(a.name) - rank(b.name) || a.name.localeCompare(b.name))

/** What the page shows to who comes for the first time: the system that mail is lost by. */
export const WELCOME = 'university-alumni'

function titleOf(text: string): string {
  const lines = text.split('\n')
  const first = lines.findIndex((line) => !line.startsWith('#'))
  return lines
    .slice(0, first < 0 ? lines.length : first)
    .map((line) => line.replace(/^#\s*/, ''))
    .join(' ')
    .trim()
}
