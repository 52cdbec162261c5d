// Many messages of one text: what is shared is said once, and each message says what is its own. Each is submitted, and
// refused, alone. With an Idempotency-Key a batch that broke off goes on where it stopped: each message is a request of its
// own under that key.

import { partOf, type SendingDesk } from '../roles/msa/sending.ts'
import type { World } from '../world/world.ts'
import { LETTER_FIELDS, readLetter, unknownField } from './letter.ts'
import { Faults, isObject, type Json } from './letter-fields.ts'
import { type Problem, problemBody } from './problem.ts'
import { type Asked, invalid, KEY_REUSED, pointerOf, refused } from './sending.ts'

const MAX_MESSAGES = 1000
/** What is attached to all of them is written once for each. */
const MAX_MADE_BYTES = 512 * 1024 * 1024
/** Commits that wait together are one. */
const AT_ONCE = 16

export async function sendBatch(
  desk: SendingDesk,
  { json, key }: Asked,
  { clock, random }: World,
): Promise<Problem | { readonly body: string; readonly again: boolean }> {
  const { messages, ...shared } = json
  const faults = new Faults()
  if (!Array.isArray(messages) || messages.length === 0 || messages.length > MAX_MESSAGES)
    return invalid([{ pointer: '#/messages', detail: `A list of 1 to ${MAX_MESSAGES} messages is needed.` }])
  for (const name of Object.keys(shared))
    if (!LETTER_FIELDS.includes(name))
      unknownField(faults, name, (field) => `#/${field}`, [...LETTER_FIELDS, 'messages'])
  const attachments = faults.attachments(shared.attachments, '#/attachments')
  if (attachments.reduce((sum, { content }) => sum + content.length, 0) * messages.length > MAX_MADE_BYTES)
    faults.note('#/attachments', 'So much attached to so many messages is too much: put it on the web and link to it.')
  if (faults.list.length > 0) return invalid(faults.list)
  if (key !== undefined) {
    const known = await desk.note(key, '')
    if (known === 'another') return KEY_REUSED
    if (known !== '') return { body: known, again: true }
  }
  let isWhole = true
  const results: Json[] = []
  const next = messages.entries()
  const work = async () => {
    for (const [at, own] of next) {
      const result = await sendOne(at, own)
      if (Number(result.status) === 503 || Number(result.status) === 429) isWhole = false
      results[at] = result
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  const body = JSON.stringify({ accepted: results.filter(({ status }) => status === 202).length, results })
  // What may come right is tried again with the same key.
  if (key === undefined || !isWhole) return { body, again: false }
  const said = await desk.note(key, body)
  return said === 'another' ? KEY_REUSED : { body: said === '' ? body : said, again: said !== body }

  async function sendOne(at: number, own: unknown): Promise<Json> {
    const failed = (problem: Problem): Json => ({ ...problemBody(problem) })
    if (!isObject(own)) return failed(invalid([{ pointer: `#/messages/${at}`, detail: 'An object is needed.' }]))
    const place = (name: string) => (Object.hasOwn(own, name) ? `#/messages/${at}/${name}` : `#/${name}`)
    const merged: Json = { ...shared, ...own, variables: own.variables ?? shared.variables ?? {} }
    const letter = readLetter(
      merged,
      {
        ...{ nowMs: clock.now(), random, maxMessageBytes: desk.maxMessageBytes },
        ...(!Object.hasOwn(own, 'attachments') && { attachments }),
      },
      place,
    )
    if ('faults' in letter) return failed(invalid(letter.faults))
    const sent = await desk.send(letter, key && partOf(key, at))
    if (sent.state === 'another') return failed(KEY_REUSED)
    if (sent.state === 'taken') return { status: 202, ...labelled(sent.answer) }
    const bad = sent.place === undefined ? undefined : pointerOf(merged, letter.forwardPaths[sent.place]!)
    return failed(refused(sent.reply, bad && place(bad.slice(2).split('/')[0]!) + bad.slice(2).replace(/^[^/]+/, '')))
  }
}

/** `status` is HTTP's here. */
const labelled = ({ status: state, ...answer }: { readonly status: string }) => ({ state, ...answer })
