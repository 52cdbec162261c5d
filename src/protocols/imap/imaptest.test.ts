// Dovecot's imaptest scripts (../shared/suites/imap-imaptest, format in its scripted_test.md), run against the session.

import assert from 'node:assert/strict'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Bench, MemoryClient, openBench, PASSWORD, USER } from '../testing.ts'
import { serveImap } from './serve.ts'

const SUITE = join(import.meta.dirname, '../../../../shared/suites/imap-imaptest')
const MAILBOX = 'imaptest'

/** Where we differ on purpose, or do not yet do it: script → why. */
const KNOWN: Record<string, string> = {
  'fetch-envelope': 'source routes (RFC 5322 §4.4, obsolete) are dropped by the address parser',
  'search-addresses': 'names of groups are not in the summary that FROM, TO, CC and BCC are matched against',
}

// --- The words of scripts and answers: atoms, strings, lists.

type Node = { readonly text: string; readonly quoted: boolean } | Node[]

function parseNodes(text: string): Node[] {
  let at = 0
  const list = (): Node[] => {
    const nodes: Node[] = []
    for (;;) {
      while (text[at] === ' ') at++
      if (at >= text.length) return nodes
      if (text[at] === ')') {
        at++
        return nodes
      }
      nodes.push(node())
    }
  }
  const node = (): Node => {
    if (text[at] === '(') {
      at++
      return list()
    }
    const literal = /^~?\{(\d+)\}\r\n/.exec(text.slice(at, at + 20))
    if (literal) {
      const start = at + literal[0].length
      at = start + Number(literal[1])
      return { text: text.slice(start, at), quoted: true }
    }
    if (text[at] === '"') {
      const match = /^"((?:[^"\\]|\\.)*)"/s.exec(text.slice(at))
      if (match) {
        at += match[0].length
        return { text: match[1]!.replace(/\\(.)/g, '$1'), quoted: true }
      }
    }
    // An atom; what stands in brackets belongs to it: 'BODY[HEADER.FIELDS (FROM)]', '[UIDNEXT 4]'.
    const start = at
    let depth = 0
    while (at < text.length && (depth > 0 || !' ()'.includes(text[at]!))) {
      if (text[at] === '[') depth++
      if (text[at] === ']') depth--
      at++
    }
    return { text: text.slice(start, at), quoted: false }
  }
  const nodes = list()
  while (at < text.length) nodes.push(...list())
  return nodes
}

// --- Matching.

type Variables = Map<string, string>

const escaped = (text: string): string => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')

/** Text with variables, as a pattern: known ones stand for their value, others catch what is there. */
function matchText(expected: string, actual: string, variables: Variables): boolean {
  if (expected === '$') return true
  const names: string[] = []
  const pattern = expected.replace(
    /\$\$|\$\{case:([^}]*)\}|\$\{?(\w+)\}?|[^$]+|\$/g,
    (piece, cased?: string, name?: string) => {
      if (piece === '$$') return '\\$'
      if (cased !== undefined) return escaped(cased)
      if (name === undefined) return escaped(piece)
      const value = variables.get(name)
      if (value !== undefined) return escaped(value)
      names.push(name)
      return '([^]*)'
    },
  )
  const match = new RegExp(`^${pattern}$`, 'i').exec(actual)
  if (match === null) return false
  for (const [index, name] of names.entries()) variables.set(name, match[index + 1]!)
  return true
}

interface Rules {
  chain: number
  extra: boolean
  ordered: boolean
  ignore: string[]
  ban: string[]
}

function rulesOf(nodes: Node[], fallback: Rules): { rules: Rules; nodes: Node[] } {
  let rules = fallback
  let at = 0
  for (; at < nodes.length; at++) {
    const node = nodes[at]!
    if (Array.isArray(node) || !node.text.startsWith('$!')) break
    if (at === 0) rules = { ...ORDERED, ignore: [], ban: [] }
    const [name, value = ''] = node.text.slice(2).split('=')
    if (name === 'unordered') Object.assign(rules, { ordered: false, extra: true, chain: Number(value || 1) })
    else if (name === 'noextra') rules.extra = false
    else if (name === 'extra') rules.extra = true
    else if (name === 'ignore') rules.ignore.push(value)
    else if (name === 'ban') rules.ban.push(value)
  }
  return { rules, nodes: nodes.slice(at) }
}

const ORDERED: Rules = { chain: 1, extra: false, ordered: true, ignore: [], ban: [] }

function matchNode(expected: Node, actual: Node | undefined, variables: Variables, inside: Rules): boolean {
  if (actual === undefined) return false
  if (!Array.isArray(expected) && expected.text === '$') return true
  if (Array.isArray(expected)) return Array.isArray(actual) && matchList(expected, actual, variables, inside)
  return !Array.isArray(actual) && matchText(expected.text, actual.text, variables)
}

const inner = (name: Node | undefined): Rules =>
  name !== undefined && !Array.isArray(name) && /^flags$/i.test(name.text)
    ? { chain: 1, extra: false, ordered: false, ignore: ['\\recent'], ban: [] }
    : ORDERED

function matchList(expectedAll: Node[], actual: Node[], variables: Variables, fallback: Rules): boolean {
  const { rules, nodes: expected } = rulesOf(expectedAll, fallback)
  if (rules.ordered) {
    return (
      expected.length === actual.length &&
      expected.every((node, i) => matchNode(node, actual[i], variables, inner(expected[i - 1])))
    )
  }
  const links: Node[][] = []
  for (let at = 0; at < actual.length; at += rules.chain) links.push(actual.slice(at, at + rules.chain))
  for (let at = 0; at < expected.length; at += rules.chain) {
    const wanted = expected.slice(at, at + rules.chain)
    const found = links.findIndex((link) => {
      const attempt = new Map(variables)
      const holds = wanted.every((node, i) => matchNode(node, link[i], attempt, inner(wanted[i - 1])))
      if (holds) for (const [name, value] of attempt) variables.set(name, value)
      return holds
    })
    if (found < 0) return false
    links.splice(found, 1)
  }
  const names = links.map(([first]) => (Array.isArray(first) ? '' : (first?.text ?? '').toLowerCase()))
  if (names.some((name) => rules.ban.includes(name))) return false
  return rules.extra || names.every((name) => rules.ignore.includes(name))
}

interface Untagged {
  readonly nodes: Node[]
  /** The message's number when the command began, for `$n`. */
  readonly original: number | undefined
}

function matchUntagged(expected: Node[], { nodes, original }: Untagged, variables: Variables): boolean {
  const [first, second] = expected
  let actual = nodes
  let wanted = expected
  if (first && !Array.isArray(first) && /^\$\d+$/.test(first.text)) {
    if (original !== Number(first.text.slice(1))) return false
    wanted = expected.slice(1)
    actual = nodes.slice(1)
  }
  const word = first && !Array.isArray(first) ? first.text.toLowerCase() : ''
  const verb = second && !Array.isArray(second) ? second.text.toLowerCase() : ''
  const prefixOnly = ['ok', 'no', 'bad', 'bye', 'preauth'].includes(word)
  if (prefixOnly ? actual.length < wanted.length : actual.length !== wanted.length) return false
  const unordered = (chain: number): Rules => ({ chain, extra: true, ordered: false, ignore: [], ban: [] })
  return wanted.every((node, i) => {
    let rules = ORDERED
    if (verb === 'fetch' || word === 'status') rules = unordered(2)
    else if (word === 'list' || word === 'lsub') rules = unordered(1)
    else if (word === 'flags') rules = unordered(1)
    return matchNode(node, actual[i], variables, rules)
  })
}

// --- Scripts.

interface Script {
  readonly header: Map<string, string>
  readonly rows: string[]
}

/** Rows of the script; a `{{{` block is made a literal with its size. */
function readScript(name: string): Script {
  const text = readFileSync(join(SUITE, name), 'latin1')
  const end = text.indexOf('\n\n')
  const header = new Map(
    text
      .slice(0, end)
      .split('\n')
      .filter((row) => !row.startsWith('#'))
      .map((row): [string, string] => [row.split(':')[0]!.trim(), row.split(':').slice(1).join(':').trim()]),
  )
  const body = text
    .slice(end + 2)
    .split('\n')
    .reduce<{ rows: string[]; block: string[] | undefined }>(
      (state, row) => {
        if (state.block !== undefined) {
          if (row.startsWith('}}}')) {
            // '~{{{' holds its line ends as they are.
            const raw = state.rows.at(-1)!.endsWith('~')
            const content = state.block.map((one) => (raw ? one : one.replace(/\r$/, ''))).join(raw ? '\n' : '\r\n')
            state.rows[state.rows.length - 1] += `{${content.length}}\r\n${content}${row.slice(3)}`
            state.block = row.endsWith('{{{') ? [] : undefined
            if (state.block) state.rows[state.rows.length - 1] = state.rows.at(-1)!.slice(0, -3)
          } else state.block.push(row)
        } else if (row.endsWith('{{{')) {
          state.rows.push(row.slice(0, -3))
          state.block = []
        } else if (row.trim() !== '' && !/^[#?]/.test(row)) state.rows.push(row)
        return state
      },
      { rows: [], block: undefined },
    )
  return { header, rows: body.rows }
}

interface MboxMessage {
  readonly text: string
  readonly date: string | undefined
}

function readMbox(name: string): MboxMessage[] {
  const own = join(SUITE, `${name}.mbox`)
  const text = readFileSync(existsSync(own) ? own : join(SUITE, 'default.mbox'), 'latin1').replaceAll('\r\n', '\n')
  return text.split(/^(?=From )/m).map((message) => {
    const end = message.indexOf('\n')
    const from = /(\w{3}) +(\d+) (\d\d:\d\d:\d\d) (\d{4})(?: ([+-]\d{4}))?$/.exec(message.slice(0, end))
    const date = from ? `"${from[2]!.padStart(2)}-${from[1]}-${from[4]} ${from[3]} ${from[5] ?? '+0000'}"` : undefined
    return {
      text: message.slice(end + 1).replaceAll('\n', '\r\n'),
      date,
    }
  })
}

const substitute = (text: string, variables: Variables): string =>
  text.replace(/\$\$|\$\{?(\w+)\}?/g, (piece, name?: string) =>
    name === undefined ? '$' : (variables.get(name) ?? piece),
  )

class Connection {
  readonly client = new MemoryClient()
  numbers = Array.from({ length: 300 }, (_, i) => i + 1)
  #tags = 0

  nextTag(): string {
    return `t${++this.#tags}`
  }

  /** All untagged answers up to the tagged one with this tag. */
  async answers(tag: string): Promise<{ untagged: Untagged[]; tagged: string }> {
    const untagged: Untagged[] = []
    for (;;) {
      const text = await this.client.response()
      if (text === undefined) return { untagged, tagged: `${tag} closed` }
      if (text.startsWith(`${tag} `)) return { untagged, tagged: text }
      if (!text.startsWith('* ')) continue
      const nodes = parseNodes(text.slice(2))
      const event = /^\* (\d+) (EXPUNGE|FETCH)\b/i.exec(text)
      const number = event ? Number(event[1]) : undefined
      untagged.push({ nodes, original: number === undefined ? undefined : this.numbers[number - 1] })
      if (event?.[2]?.toUpperCase() === 'EXPUNGE') this.numbers.splice(number! - 1, 1)
    }
  }

  async say(command: string): Promise<{ untagged: Untagged[]; tagged: string }> {
    const tag = this.nextTag()
    this.client.send(`${tag} ${withPlus(command)}\r\n`)
    return this.answers(tag)
  }
}

/** Non-synchronising literals, so that a command is sent at once. */
const withPlus = (text: string): string => text.replace(/\{(\d+)\}\r\n/g, '{$1+}\r\n')

class Runner {
  readonly #script: Script
  readonly #mbox: MboxMessage[]
  readonly #connections: Connection[] = []
  readonly #variables: Variables
  #nextMessage = 0

  constructor(name: string) {
    this.#script = readScript(name)
    this.#mbox = readMbox(name)
    this.#variables = new Map([
      ['mailbox', MAILBOX],
      ['user', USER],
      ['username', USER.split('@')[0]!],
      ['domain', USER.split('@')[1]!],
      ['password', PASSWORD],
    ])
  }

  get capabilities(): string[] {
    return (this.#script.header.get('capabilities') ?? '').toUpperCase().split(' ').filter(Boolean)
  }

  async #append(mailbox = MAILBOX): Promise<string> {
    const message = this.#mbox[this.#nextMessage++ % this.#mbox.length]!
    const date = message.date === undefined ? '' : `${message.date} `
    return `append ${mailbox} ${date}{${message.text.length}}\r\n${message.text}`
  }

  async #prepare(): Promise<void> {
    const { header } = this.#script
    const state = header.get('state') ?? 'selected'
    const count = Number(header.get('connections') ?? 1)
    for (let i = 0; i < count; i++) {
      const connection = new Connection()
      this.#connections.push(connection)
      const { store, accounts } = bench
      const report = (error: unknown): void => console.error('a bug in the session', error)
      void serveImap(connection.client.stream, { store, accounts, allowPlaintext: true, report }, bench.world)
      await connection.client.line()
      if (state !== 'nonauth') await connection.say(`login ${USER} "${PASSWORD}"`)
    }
    if (state === 'nonauth') return
    const first = this.#connections[0]!
    for (const { path } of bench.store.mailboxes(bench.account)) {
      if (path.toLowerCase().startsWith(MAILBOX)) await first.say(`delete "${path}"`)
    }
    for (const path of bench.store.subscriptions(bench.account)) {
      if (path.startsWith(MAILBOX)) await first.say(`unsubscribe "${path}"`)
    }
    if (state === 'auth') return
    await first.say(`create ${MAILBOX}`)
    if (state === 'created') return
    const wanted = header.get('messages')
    const messages = wanted === undefined || wanted === 'all' ? this.#mbox.length : Number(wanted)
    for (let i = 0; i < messages; i++) assert.match((await first.say(await this.#append())).tagged, /^\S+ OK/)
    if (state === 'appended') return
    for (const connection of this.#connections) await connection.say(`select ${MAILBOX}`)
  }

  async run(): Promise<void> {
    await this.#prepare()
    const { rows } = this.#script
    for (let at = 0; at < rows.length; ) at = await this.#step(rows, at)
    for (const { client } of this.#connections) client.hangUp()
  }

  /** One command (or pipelined group) and what is expected of it; gives where the next begins. */
  async #step(rows: string[], start: number): Promise<number> {
    let at = start
    const commands: { connection: Connection; tag: string; label: string; status: string | undefined; row: string }[] =
      []
    const isExpectation = (row: string | undefined): boolean => /^[*!] /.test(row ?? '')
    const expected: string[] = []
    const take = (row: string): [Connection, string] => {
      if (this.#connections.length === 1 || !/^\d+ /.test(row)) return [this.#connections[0]!, row.replace(/^1 /, '')]
      return [this.#connections[Number(row.split(' ')[0]) - 1]!, row.replace(/^\d+ /, '')]
    }
    const send = (connection: Connection, text: string): string => {
      const tag = connection.nextTag()
      connection.numbers = Array.from({ length: 300 }, (_, i) => i + 1)
      this.#variables.set('tag', tag)
      connection.client.send(`${tag} ${withPlus(substitute(text, this.#variables))}\r\n`)
      return tag
    }
    const bare = async (text: string): Promise<string> => {
      const append = /^append(?: (\S+))?$/i.exec(text.trim())
      return append ? this.#append(append[1]) : text
    }
    const [connection, row] = take(rows[at]!)
    const method1 = /^(ok|no|bad|"") (.+)$/is.exec(row)
    if (method1) {
      const tag = send(connection, await bare(method1[2]!))
      commands.push({ connection, tag, label: '', status: method1[1]!.toLowerCase(), row })
      at++
      while (isExpectation(rows[at])) expected.push(rows[at++]!)
    } else {
      // Methods 2 and 3: the status comes after; with tags when pipelined.
      const isTagged = (text: string): boolean => /^tag\w* /i.test(text)
      while (at < rows.length && !isExpectation(rows[at]) && !/^(\d+ )?(tag\w* )?(ok|no|bad|"")\b/i.test(rows[at]!)) {
        const [to, text] = take(rows[at++]!)
        const label = isTagged(text) ? text.split(' ')[0]! : ''
        const command = label === '' ? text : text.slice(label.length + 1)
        commands.push({ connection: to, tag: send(to, await bare(command)), label, status: undefined, row: text })
      }
      while (isExpectation(rows[at])) expected.push(rows[at++]!)
      for (let left = commands.length; left > 0 && at < rows.length; left--) {
        const [, text] = take(rows[at++]!)
        const label = isTagged(text) ? text.split(' ')[0]! : ''
        const command = commands.find((one) => one.label === label && one.status === undefined)
        if (command) command.status = text.slice(label === '' ? 0 : label.length + 1)
      }
    }
    const untagged: Untagged[] = []
    for (const command of commands) {
      const answers = await command.connection.answers(command.tag)
      untagged.push(...answers.untagged)
      this.#checkTagged(command, answers.tagged)
    }
    this.#checkUntagged(expected, untagged, commands.map(({ row: text }) => text).join('; '))
    return at
  }

  #checkTagged({ status, row }: { status: string | undefined; row: string }, tagged: string): void {
    const [wanted = '', ...prefix] = (status ?? '').split(' ')
    if (wanted === '""' || wanted === '') return
    const [, actual = '', ...rest] = tagged.split(' ')
    assert.equal(actual.toLowerCase(), wanted.toLowerCase(), `${row}: ${tagged}`)
    const nodes = parseNodes(rest.join(' '))
    for (const [i, node] of parseNodes(prefix.join(' ')).entries()) {
      assert.ok(matchNode(node, nodes[i], this.#variables, ORDERED), `${row}: ${tagged} instead of ${prefix.join(' ')}`)
    }
  }

  #checkUntagged(expected: readonly string[], untagged: readonly Untagged[], command: string): void {
    const seen = () => untagged.map(({ nodes }) => JSON.stringify(nodes, (_, v) => v?.text ?? v)).join('\n')
    for (const row of expected) {
      const nodes = parseNodes(row.slice(2))
      const found = untagged.findIndex((one) => {
        const attempt = new Map(this.#variables)
        const holds = matchUntagged(nodes, one, attempt)
        if (holds && row.startsWith('*')) for (const [name, value] of attempt) this.#variables.set(name, value)
        return holds
      })
      if (row.startsWith('!')) assert.equal(found, -1, `${command}\nunexpected: ${row}\n${seen()}`)
      else assert.notEqual(found, -1, `${command}\nexpected: ${row}\nseen:\n${seen()}`)
    }
  }
}

const folder = mkdtempSync(join(tmpdir(), 'borderpost-'))
let bench: Bench

async function offered(): Promise<Set<string>> {
  const connection = new Connection()
  const { store, accounts } = bench
  void serveImap(connection.client.stream, { store, accounts, allowPlaintext: true }, bench.world)
  await connection.client.line()
  const { tagged } = await connection.say(`login ${USER} "${PASSWORD}"`)
  connection.client.hangUp()
  return new Set((/\[CAPABILITY ([^\]]*)\]/.exec(tagged)?.[1] ?? '').toUpperCase().split(' '))
}

if (existsSync(SUITE)) {
  bench = await openBench(folder)
  after(async () => {
    await bench.close()
    rmSync(folder, { recursive: true })
  })
  const ours = await offered()
  const names = readdirSync(SUITE).filter((name) => !/\.|^COPYING/.test(name))
  // Scripts for extensions that are not offered say nothing about this server yet.
  const fitting = names.filter((name) => new Runner(name).capabilities.every((capability) => ours.has(capability)))
  for (const name of fitting)
    test(`imaptest: ${name}`, { timeout: 10_000 }, async () => {
      const reason = KNOWN[name]
      if (reason === undefined) await new Runner(name).run()
      else await assert.rejects(new Runner(name).run(), assert.AssertionError, `no longer so: ${reason}`)
    })
  test('imaptest: how many scripts fit what is offered', (t) => {
    t.diagnostic(`${fitting.length} of ${names.length} scripts`)
    assert.ok(fitting.length >= 30)
  })
} else test('imaptest', (t) => t.skip('the suite is not here'))
