// Commands on mail that stays or leaves, in a store in memory: delivery, the queue, tracking, what was sent. They say and
// refuse what apply/emails.ts, apply/queue.ts, apply/sent.ts and apply/outgoing.ts do.

import { noAccount, noEmail, noMailbox, refuse, resolveId } from '../apply/apply.ts'
import { noBody, overQuota } from '../apply/emails.ts'
import { normalPath } from '../apply/mailboxes.ts'
import { ARRIVALS_KEPT_MS, dayOf, LONGEST_SOURCE_REST_MS, noEntry, SKEW_MS, SOURCE_DAYS_KEPT } from '../apply/queue.ts'
import type { Command } from '../commands.ts'
import { presentFlags, SEEN, storedFlags } from '../flags.ts'
import type { EmailSummary } from '../nouns/mail.ts'
import type { OutgoingHour } from '../nouns/outgoing.ts'
import type { QueueEntry } from '../nouns/queue.ts'
import { EVENTS, QUEUE } from '../nouns/watched.ts'
import { threadKeys } from '../threads.ts'
import type { Handlers } from './apply.ts'
import { addBox, nameBody, releaseBody, resolved } from './parts.ts'
import { type Box, boxOf, type Person, type State } from './state.ts'

export const mail: Handlers<
  | 'mailbox.create'
  | 'email.deliver'
  | 'email.update'
  | 'queue.add'
  | 'queue.reschedule'
  | 'queue.remove'
  | 'queue.steer'
  | 'queue.reclock'
  | 'queue.rest'
  | 'source.count'
  | 'source.rest'
  | 'event.add'
  | 'event.prune'
  | 'sent.add'
  | 'sent.prune'
  | 'arrival.add'
  | 'arrival.remove'
  | 'outgoing.count'
  | 'outgoing.stand'
  | 'outgoing.prune'
> = {
  'mailbox.create'(state, command, { made, touch }) {
    const person = resolved(state, command.account, made)
    if (person === undefined) return noAccount
    const path = normalPath(command.path)
    if (path === undefined) return refuse('forbidden', `'${command.path}' cannot be a mailbox name.`)
    const boxes = [...person.boxes.values()]
    const there = boxes.find((box) => box.path === path)
    if (there !== undefined && command.orExisting === true) return { ok: true, id: there.id, modseq: person.modseq }
    if (there !== undefined) return refuse('exists', `The mailbox ${path} exists already.`)
    const modseq = ++person.modseq
    touch(person.id)
    const parts = path.split('/')
    for (let depth = 1; depth < parts.length; depth++) {
      const parent = parts.slice(0, depth).join('/')
      if (!boxes.some((box) => box.path === parent)) addBox(state, person, parent, null, command.nowMs)
    }
    return { ok: true, id: addBox(state, person, path, command.specialUse ?? null, command.nowMs).id, modseq }
  },
  'email.deliver': deliver,
  /** What was found out after the delivery. */
  'email.update'(state, { account, email: id, verdict }, { touch }) {
    const person = state.people.get(account)
    const email = person?.emails.get(id)
    if (person === undefined || email === undefined) return noEmail
    const modseq = ++person.modseq
    person.emails.set(id, { ...email, modseq, verdict: verdict ?? email.verdict })
    touch(account)
    return { ok: true, emailId: id, modseq }
  },
  'queue.add'(state, { entry }, { touch }) {
    if (!nameBody(state, entry.blob)) return noBody
    touch(QUEUE)
    return { ok: true, id: state.queue.add(entry) }
  },
  'queue.reschedule'(state, { id, nextAttemptAtMs, lastReply, countAttempt, state: to }, { touch }) {
    const isThere = state.queue.change(id, ({ attempts, state: was }) => ({
      nextAttemptAtMs,
      lastReply,
      attempts: attempts + (countAttempt ? 1 : 0),
      state: to ?? was,
    }))
    if (!isThere) return noEntry
    touch(QUEUE)
    return { ok: true, id }
  },
  'queue.remove'(state, { id }, { touch, nowMs }) {
    const entry = state.queue.remove(id)
    if (entry === undefined) return noEntry
    releaseBody(state, entry.blob, nowMs)
    touch(QUEUE)
    return { ok: true, id }
  },
  'queue.steer'(state, command, { touch }) {
    const { ids, state: to, nextAttemptAtMs, domain, expiresNotBeforeMs = 0, lastReply, givenUp } = command
    for (const id of ids)
      state.queue.change(id, (was) => ({
        state: to ?? was.state,
        nextAttemptAtMs: nextAttemptAtMs ?? was.nextAttemptAtMs,
        domain: domain ?? was.domain,
        expiresAtMs: Math.max(was.expiresAtMs, expiresNotBeforeMs),
        lastReply: lastReply ?? was.lastReply,
        parameters: givenUp === undefined ? was.parameters : { ...was.parameters, givenUp },
      }))
    touch(QUEUE)
    return { ok: true }
  },
  'queue.reclock'(state, { nowMs, latestMs, periodMs, isLater }, { touch }) {
    const expiresMs = nowMs + periodMs
    let changes = state.queue.endRests(latestMs, nowMs)
    for (const { id, ...was } of [...state.queue.entries()]) {
      const is = reclocked(was, { nowMs, latestMs, expiresMs, isLater })
      if (is === was) continue
      state.queue.change(id, () => is)
      changes++
    }
    const { rests, firstDays } = state.sources
    for (const [key, rest] of rests)
      if (rest.untilMs > nowMs + LONGEST_SOURCE_REST_MS && rests.set(key, { ...rest, untilMs: nowMs })) changes++
    for (const [address, day] of firstDays) if (day > dayOf(nowMs) && firstDays.set(address, dayOf(nowMs))) changes++
    if (changes > 0) touch(QUEUE)
    return { ok: true }
  },
  'queue.rest'(state, { domain, share, untilMs, failures, lastReply }, { touch }) {
    state.queue.rest(domain, share, { restsUntilMs: untilMs, failures, lastReply })
    touch(QUEUE)
    return { ok: true }
  },
  'source.count'({ sources }, { address, provider, day, count }) {
    const key = `${day} ${address} ${provider}`
    if (!sources.firstDays.has(address)) sources.firstDays.set(address, day)
    for (const old of sources.counts.keys()) {
      if (Number(old.split(' ', 1)[0]) >= day - SOURCE_DAYS_KEPT) break
      sources.counts.delete(old)
    }
    sources.counts.set(key, (sources.counts.get(key) ?? 0) + count)
    return { ok: true }
  },
  'source.rest'({ sources }, { rest }) {
    const key = `${rest.address} ${rest.provider}`
    if (rest.untilMs === 0) sources.rests.delete(key)
    else sources.rests.set(key, rest)
    return { ok: true }
  },
  'event.add'(state, command, { touch }) {
    const event = state.tracking.add(command.event)
    state.observer.happened?.(event)
    touch(EVENTS)
    return { ok: true, id: event.id }
  },
  'event.prune'(state, { beforeMs, keep }) {
    state.tracking.prune(beforeMs, keep)
    return { ok: true }
  },
  'sent.add'(state, { sent }) {
    if (!state.people.has(sent.account)) return noAccount
    const id = ++state.lastSentId
    state.sent.set(sent.trace, { ...sent, id })
    return { ok: true, id }
  },
  'sent.prune'(state, { beforeMs }) {
    for (const { trace, atMs } of state.sent.values()) {
      if (atMs >= beforeMs) break
      state.sent.delete(trace)
    }
    return { ok: true }
  },
  'arrival.add'(state, { digest, trace, atMs }) {
    for (const [known, { atMs: knownMs }] of state.arrivals) {
      if (knownMs >= atMs - ARRIVALS_KEPT_MS) break
      state.arrivals.delete(known)
    }
    state.arrivals.set(digest, { trace, atMs })
    return { ok: true }
  },
  'arrival.remove'(state, { digest }) {
    state.arrivals.delete(digest)
    return { ok: true }
  },
  'outgoing.count'(state, { sender, hour, counts, prints }) {
    const hours = state.hours.get(sender) ?? new Map<number, OutgoingHour>()
    state.hours.set(sender, hours)
    const was = hours.get(hour) ?? NOTHING
    hours.set(hour, {
      hour,
      acquainted: was.acquainted + counts.acquainted,
      recipients: was.recipients + counts.recipients,
      strangers: was.strangers + counts.strangers,
      suspects: was.suspects + counts.suspects,
      refused: was.refused + counts.refused,
      complaints: was.complaints + counts.complaints,
    })
    if (prints.length === 0) return { ok: true }
    const likes = state.likes.get(sender) ?? new Map()
    state.likes.set(sender, likes)
    for (const print of prints)
      likes.set(print, { hour, strangers: (likes.get(print)?.strangers ?? 0) + counts.strangers })
    return { ok: true }
  },
  'outgoing.stand'(state, { sender, standing }) {
    if (standing === null) state.standings.delete(sender)
    else state.standings.set(sender, standing)
    return { ok: true }
  },
  'outgoing.prune'(state, { beforeHour, likeBeforeHour, beforeDay }) {
    for (const hours of state.hours.values()) for (const hour of hours.keys()) if (hour < beforeHour) hours.delete(hour)
    for (const likes of state.likes.values())
      for (const [print, { hour }] of likes) if (hour < likeBeforeHour) likes.delete(print)
    for (const { acquaintances } of state.people.values())
      for (const [print, day] of acquaintances) if (day < beforeDay) acquaintances.delete(print)
    return { ok: true }
  },
}

const NOTHING = { acquainted: 0, recipients: 0, strangers: 0, suspects: 0, refused: 0, complaints: 0 }

type Timed = Omit<QueueEntry, 'id'>

function reclocked(
  entry: Timed,
  set: { readonly nowMs: number; readonly latestMs: number; readonly expiresMs: number; readonly isLater: boolean },
): Timed {
  let is = entry
  if (is.acceptedAtMs > set.nowMs + SKEW_MS) {
    const byMs = set.nowMs - is.acceptedAtMs
    is = {
      ...is,
      acceptedAtMs: set.nowMs,
      nextAttemptAtMs: is.nextAttemptAtMs + byMs,
      expiresAtMs: is.expiresAtMs + byMs,
    }
  }
  if (is.attempts > 0 && is.nextAttemptAtMs > set.latestMs) is = { ...is, nextAttemptAtMs: set.nowMs }
  if (is.attempts > 0 && is.expiresAtMs > set.expiresMs) is = { ...is, expiresAtMs: set.expiresMs }
  if (set.isLater && is.expiresAtMs < set.expiresMs) is = { ...is, expiresAtMs: set.expiresMs }
  return is
}

function deliver(
  state: State,
  command: Extract<Command, { kind: 'email.deliver' }>,
  { made, touch }: Parameters<(typeof mail)['queue.add']>[2],
): ReturnType<(typeof mail)['queue.add']> {
  const person = resolved(state, command.account, made)
  if (person === undefined) return noAccount
  const boxes = new Set<Box>()
  for (const which of command.mailboxes) {
    const id = typeof which === 'object' ? resolveId(which, made) : which
    const box =
      (id === undefined ? undefined : boxOf(person, id)) ?? (command.orInbox ? boxOf(person, 'inbox') : undefined)
    if (box === undefined) return noMailbox
    boxes.add(box)
  }
  if (boxes.size === 0) return refuse('no-mailbox', 'An email must be in at least one mailbox.')
  const { sizeBytes } = command.blob
  const isAccepted = command.verdict !== null || command.orInbox === true
  if (!isAccepted && !fits(person, sizeBytes * boxes.size, boxes.size)) return overQuota
  const stays = state.options.mail === 'stays'
  if (stays ? !nameBody(state, command.blob) : !state.bodies.has(command.blob.hash)) return noBody
  const modseq = ++person.modseq
  touch(person.id, [...boxes])
  const { envelope: _, ...summary } = command.summary
  const receivedAtMs = command.receivedAtMs
  const email = {
    ...summary,
    id: modseq,
    blob: command.blob,
    thread: stays ? joined(person, command.summary, modseq) : modseq,
    sizeBytes,
    receivedAtMs,
    modseq,
    createdModseq: modseq,
    verdict: command.verdict,
  }
  const { bits, keywords } = storedFlags(command.flags)
  const placements = [...boxes].map((box) => {
    const uid = box.uidNext++
    box.highestModseq = box.modseq = modseq
    state.observer.delivered?.(person, box, email)
    if (stays) {
      box.total++
      box.sizeBytes += sizeBytes
      if (!(bits & SEEN)) box.unseen++
      const savedAtMs = command.savedAtMs ?? receivedAtMs
      const flags = presentFlags(bits, keywords)
      box.placements.push({ mailbox: box.id, uid, email: modseq, flags, modseq, savedAtMs, receivedAtMs, sizeBytes })
    }
    return { mailbox: box.id, uid, uidValidity: box.uidValidity }
  })
  if (stays) person.emails.set(email.id, email)
  return { ok: true, id: email.id, emailId: email.id, threadId: email.thread, placements, modseq }
}

function fits({ quota: { bytes, messages }, boxes }: Person, moreBytes: number, more: number): boolean {
  if (bytes === null && messages === null) return true
  let used = { bytes: moreBytes, messages: more }
  for (const { sizeBytes, total } of boxes.values())
    used = { bytes: used.bytes + sizeBytes, messages: used.messages + total }
  return used.bytes <= (bytes ?? Infinity) && used.messages <= (messages ?? Infinity)
}

/** The oldest thread that shares a key, or a new one. */
function joined({ threads }: Person, summary: EmailSummary, email: number): number {
  const keys = threadKeys(summary)
  const thread = Math.min(email, ...keys.flatMap((key) => threads.get(key) ?? []))
  for (const key of keys) if (!threads.has(key)) threads.set(key, thread)
  return thread
}
