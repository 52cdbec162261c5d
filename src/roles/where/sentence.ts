// A story in one sentence: for each recipient, who has the message now, since when, and who said so.

import type { Story, StoryEvent } from './find.ts'

/** For people. */
export function sentenceOf(story: Story): string {
  const recipients = [...new Set(story.events.map(({ forwardPath }) => forwardPath).filter((one) => one !== ''))]
  if (recipients.length === 0) return endOf(story, story.events.at(-1)!)
  const ends = recipients.map((recipient) => {
    const about = story.events.filter(({ forwardPath }) => forwardPath === recipient)
    return { recipient, text: endOf(story, lastOf(about)) }
  })
  // Where mail went on, how it ended is said of where it went.
  const final = ends.length > 1 ? ends.filter(({ recipient }) => !wentOn(story, recipient)) : ends
  const shown = (final.length > 0 ? final : ends).slice(0, MOST_SHOWN)
  const more = (final.length > 0 ? final : ends).length - shown.length
  const texts = shown.length === 1 ? [shown[0]!.text] : shown.map(({ recipient, text }) => `${recipient}: ${text}`)
  return `${texts.join(' ')}${more > 0 ? ` And ${more} more.` : ''}`
}

const MOST_SHOWN = 10

const wentOn = ({ events }: Story, recipient: string) =>
  events.some(
    ({ kind, detail, forwardPath }) => kind === 'forwarded' && detail.from === recipient && forwardPath !== recipient,
  )

/** What holds, of what was said of one recipient: a mailbox before a relay's word, else the latest. */
function lastOf(events: readonly StoryEvent[]): StoryEvent {
  return (
    events.findLast(({ kind, role }) => kind === 'delivered' && role === 'MDA') ??
    events.findLast(({ kind }) => kind !== 'queued' && kind !== 'suppressed') ??
    events.at(-1)!
  )
}

function endOf(story: Story, event: StoryEvent): string {
  const at = timeText(event.atMs)
  const reply = typeof event.detail.reply === 'string' ? oneLine(event.detail.reply) : ''
  const said = reply === '' ? '' : `, reply ${reply}`
  const by = byOf(event)
  switch (event.kind) {
    case 'delivered': {
      const places = story.places.get(event.forwardPath) ?? []
      const where = places.map(({ mailbox, uid }) => `${mailbox}, UID ${uid}`).join(' and ')
      const now =
        where !== '' ? `; now in ${where}` : story.places.has(event.forwardPath) ? '; not in a mailbox any more' : ''
      return `Delivered ${at} at ${event.agent} to ${event.forwardPath}${now}.`
    }
    case 'transmitted':
      return `Accepted ${at}${by === '' ? '' : ` by ${by}`}${said}; not in our hands since.`
    case 'bounced':
      return `Failed ${at}: ${oneLine(event.text)}`
    case 'refused':
      return `Refused ${at} by ${event.role} ${event.agent}: ${oneLine(event.text)} It was never in our hands.`
    case 'cancelled':
      return `Taken back ${at}: ${oneLine(event.text)}`
    default: {
      const waits = story.waiting.find(({ forwardPath }) => forwardPath === event.forwardPath)
      if (waits === undefined) return `${at}: ${oneLine(event.text)}`
      const last = waits.lastReply === '' ? '' : `; last answer: ${oneLine(waits.lastReply)}`
      return waits.state === 'held'
        ? `Held at ${waits.agent} since ${at}${last}.`
        : `Waiting at ${waits.agent}, next attempt ${timeText(waits.nextAttemptAtMs)}${last}.`
    }
  }
}

/** Who took it: said in the detail, or in the sentence. */
function byOf({ detail, text }: StoryEvent): string {
  if (typeof detail.mx === 'string' && detail.mx !== '') return detail.mx
  return /^(?:Taken|Accepted) by ([\w.-]{1,255})/.exec(text)?.[1] ?? ''
}

const PROOFS = ['spf', 'dkim', 'dmarc', 'arc'] as const

/** One line of the timeline: when, which role, what, what was proven, and by which rule it was decided. */
export function lineOf(event: StoryEvent): string {
  const proofs = PROOFS.flatMap((name) =>
    typeof event.detail[name] === 'string' ? [`${name}=${event.detail[name]}`] : [],
  )
  const rule =
    typeof event.detail.reason === 'string' && !event.text.includes(event.detail.reason)
      ? [`reason: ${event.detail.reason}`]
      : []
  const ip = typeof event.detail.ip === 'string' ? [`from ${event.detail.ip}`] : []
  const attempt =
    event.role === 'Transmitter' && typeof event.detail.attempts === 'number' ? ` attempt ${event.detail.attempts}` : ''
  const more = [...ip, ...proofs, ...rule]
  return `${timeText(event.atMs)}  ${event.role}@${event.agent}${attempt}  ${event.kind}  ${oneLine(event.text)}${more.length > 0 ? `  [${more.join(', ')}]` : ''}`
}

export const timeText = (ms: number) =>
  Number.isFinite(ms) && Math.abs(ms) < 8.64e15
    ? new Date(ms).toISOString().slice(0, 19).replace('T', ' ')
    : 'at some time'

const oneLine = (text: string) => text.replace(/\s+/g, ' ').trim()
