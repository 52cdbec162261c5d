// THREAD (RFC 5256 §3 and §4): what was found as trees of conversations, by subject and date, or by the references that
// messages give.

import { baseSubject } from '../../message/message-id.ts'
import type { Email } from '../../store/nouns/mail.ts'
import { fold } from '../../store/text/words.ts'
import type { Dialogue } from '../dialogue.ts'
import { type Answer, bad, ok } from './answer.ts'
import { readCriteria } from './search.ts'
import { Searching } from './searching.ts'
import type { CommandContext, ImapSession } from './session.ts'
import { emailsOf, sentMs } from './sort.ts'

/** A message and those below it; `number` undefined: a message that is not there but is referred to. */
interface Thread {
  number: number | undefined
  /** Of the message; of one that is not there, its first child's: both decide the order. */
  dateMs: number
  rank: number
  email: Email | undefined
  children: Thread[]
}

interface Threaded {
  readonly number: number
  readonly email: Email
}

const ALGORITHMS: Record<string, (messages: readonly Threaded[]) => Thread[]> = {
  ORDEREDSUBJECT: bySubject,
  REFERENCES: byReferences,
}

export function* thread(session: ImapSession, { tag, args, uid }: CommandContext): Dialogue<Answer> {
  const selected = session.selected!
  args.space()
  const algorithm = ALGORITHMS[args.keyword()]
  if (algorithm === undefined) args.fail('not a way to make threads')
  args.space()
  const criteria = readCriteria(session, args, 'charset')
  if ('status' in criteria) return criteria
  if (algorithm === undefined) return bad('not a way to make threads')
  const searching = new Searching(selected, criteria.key, session.options.now())
  yield* searching.run((done, total) => session.progress(tag, done, total))
  const known = yield* emailsOf(selected, searching.found)
  const messages = known.map(({ placement, email }) => ({
    number: uid ? placement.uid : selected.uids.indexOf(placement.uid) + 1,
    email,
  }))
  const threads = algorithm(messages)
  session.output.text('* THREAD')
  if (threads.length > 0) session.output.text(' ')
  for (const one of threads) {
    session.output.text(threadText(one))
    yield* session.flushWhenFull()
  }
  session.output.text('\r\n')
  if (searching.unreadable > 0) return ok(`${searching.unreadable} messages could not be searched`)
  return ok('that is all')
}

/** '(3 6 (4 23)(44 7 96))' (RFC 5256 §5 thread-data), without recursion: a thread may be as deep as it is long. */
function threadText(root: Thread): string {
  const parts = ['(']
  // What is still to be written, last first: a thread inside its own parentheses, one that goes on, or a text.
  const open: (string | { readonly thread: Thread; readonly alone: boolean })[] = [')', { thread: root, alone: true }]
  while (open.length > 0) {
    const next = open.pop()!
    if (typeof next === 'string') {
      parts.push(next)
      continue
    }
    const { number, children } = next.thread
    if (number !== undefined) parts.push(String(number))
    const [only] = children
    if (children.length === 1 && number !== undefined) {
      parts.push(' ')
      open.push({ thread: only!, alone: false })
      continue
    }
    if (children.length > 0 && number !== undefined) parts.push(' ')
    for (const child of [...children].reverse()) open.push(')', { thread: child, alone: true }, '(')
  }
  return parts.join('')
}

const inOrder = (a: Thread, b: Thread): number => a.dateMs - b.dateMs || a.rank - b.rank

const threadOf = ({ number, email }: Threaded): Thread => ({
  number,
  email,
  dateMs: sentMs(email),
  rank: number,
  children: [],
})

const notThere = (): Thread => ({ number: undefined, email: undefined, dateMs: 0, rank: 0, children: [] })

/** RFC 5256 §3 ORDEREDSUBJECT: all messages of one base subject, the first the parent of all others. */
function bySubject(messages: readonly Threaded[]): Thread[] {
  const threads = new Map<string, Thread>()
  for (const one of messages.map(threadOf).sort(inOrder)) {
    const subject = fold(baseSubject(one.email!.subject).base)
    const first = threads.get(subject)
    if (first === undefined) threads.set(subject, one)
    else first.children.push(one)
  }
  return [...threads.values()].sort(inOrder)
}

/** RFC 5256 §3 REFERENCES. */
function byReferences(messages: readonly Threaded[]): Thread[] {
  const roots = prune(linked(messages))
  const merged = mergeSubjects(sortTree(roots))
  return sortTree(merged)
}

/** A message while the links are made. `group`: a node that all of one tree lead to, for as long as nothing was cut. */
interface Node {
  readonly thread: Thread
  parent: Node | undefined
  readonly children: Set<Node>
  group: Node | undefined
}

/** So far up it is looked whether a message would become its own ancestor, once links were cut; then it is not linked. */
const MOST_ABOVE = 1_000

const nodeOf = (): Node => ({ thread: notThere(), parent: undefined, children: new Set(), group: undefined })

/** Step 1: every message below the last that it refers to; loops are not made. */
function linked(messages: readonly Threaded[]): Thread[] {
  const byId = new Map<string, Node>()
  const nodes: Node[] = []
  const named = (id: string): Node => {
    let node = byId.get(id)
    if (node === undefined) {
      node = nodeOf()
      byId.set(id, node)
      nodes.push(node)
    }
    return node
  }
  for (const { email, number } of messages) {
    const [id] = email.messageId
    let node = id === undefined ? undefined : named(id)
    // Of two messages with one Message-ID the second stands for itself.
    if (node === undefined || node.thread.number !== undefined) nodes.push((node = nodeOf()))
    Object.assign(node.thread, { number, email, dateMs: sentMs(email), rank: number })
    const references = email.references.length > 0 ? email.references : email.inReplyTo.slice(0, 1)
    let parent: Node | undefined
    for (const reference of references) {
      const referred = named(reference)
      if (parent && referred.parent === undefined) adopt(parent, referred)
      parent = referred
    }
    // What the message itself says of its parent counts more than what others said of it.
    if (node.parent === parent) continue
    node.parent?.children.delete(node)
    node.parent = undefined
    if (parent) adopt(parent, node)
  }
  for (const { thread, children } of nodes) thread.children = [...children].map((child) => child.thread)
  return nodes.filter(({ parent }) => parent === undefined).map(({ thread }) => thread)
}

/** The child has no parent. Where it is above the new one, nothing is linked. */
function adopt(parent: Node, child: Node): void {
  if (groupOf(parent) === groupOf(child) && isAbove(child, parent)) return
  groupOf(child).group = groupOf(parent)
  child.parent = parent
  parent.children.add(child)
}

/** The same for all of one tree. Paths are shortened, so that a long conversation is no long way. */
function groupOf(node: Node): Node {
  let root = node
  while (root.group !== undefined) root = root.group
  for (let at = node; at.group !== undefined; ) {
    const next = at.group
    if (next !== root) at.group = root
    at = next
  }
  return root
}

/** True if the node is the other one, or above it, or too far to be sure. */
function isAbove(node: Node, other: Node): boolean {
  let steps = 0
  for (let at: Node | undefined = other; at !== undefined; at = at.parent) {
    if (at === node || ++steps > MOST_ABOVE) return true
  }
  return false
}

/** Every node after all that are below it. */
function fromLeaves(roots: readonly Thread[]): Thread[] {
  const order: Thread[] = []
  const open = [...roots]
  while (open.length > 0) {
    const next = open.pop()!
    order.push(next)
    for (const child of next.children) open.push(child)
  }
  return order.reverse()
}

/** Step 3: messages that are not there go; their children go up, but several do not become roots. */
function prune(roots: readonly Thread[]): Thread[] {
  const isRoot = new Set(roots)
  const kept = (child: Thread): Thread[] => {
    if (child.number !== undefined) return [child]
    if (child.children.length === 0) return []
    return isRoot.has(child) && child.children.length > 1 ? [child] : child.children
  }
  for (const node of fromLeaves(roots)) node.children = node.children.flatMap(kept)
  return roots.flatMap(kept)
}

/** Steps 4 and 6: siblings by date; a message that is not there has its first child's. */
function sortTree(roots: Thread[]): Thread[] {
  for (const node of fromLeaves(roots)) {
    node.children.sort(inOrder)
    const [first] = node.children
    if (node.number === undefined && first) Object.assign(node, { dateMs: first.dateMs, rank: first.rank })
  }
  return roots.sort(inOrder)
}

/** Step 5: roots with the same base subject are one thread. */
function mergeSubjects(roots: readonly Thread[]): Thread[] {
  const table = new Map<string, Thread>()
  const subjectOf = (root: Thread) => baseSubject((root.email ?? root.children[0]?.email)?.subject ?? '')
  const isReply = (root: Thread): boolean => subjectOf(root).isReplyOrForward
  for (const root of roots) {
    const subject = fold(subjectOf(root).base)
    if (subject === '') continue
    const known = table.get(subject)
    const isBetter =
      known === undefined ||
      (root.number === undefined && known.number !== undefined) ||
      (isReply(known) && !isReply(root) && known.number !== undefined)
    if (isBetter) table.set(subject, root)
  }
  const gone = new Set<Thread>()
  const merged = new Map<Thread, Thread>()
  for (const root of roots) {
    const subject = fold(subjectOf(root).base)
    const first = subject === '' ? undefined : table.get(subject)
    if (first === undefined || first === root) continue
    gone.add(root)
    const into = merged.get(first) ?? first
    if (into.number === undefined && root.number === undefined) into.children = into.children.concat(root.children)
    else if (into.number === undefined) into.children.push(root)
    else if (isReply(root) && !isReply(into)) into.children.push(root)
    else {
      // Neither is an answer to the other: a message that is not there stands above both.
      const above: Thread = { ...notThere(), children: [into, root] }
      merged.set(first, above)
    }
  }
  return roots.filter((root) => !gone.has(root)).map((root) => merged.get(root) ?? root)
}
