// imaptest's scripted tests, against our IMAP server: each script has a house of its own, so that no case sees another's
// mail. Format: scripted_test.md beside the scripts.

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { MemoryClient } from '../../protocols/testing.ts'
import { ImapHouse, Mismatch, within } from './imap-house.ts'
import {
  matchNode,
  matchUntagged,
  modseqsRise,
  ORDERED,
  parseNodes,
  type Untagged,
  type Variables,
} from './imap-script.ts'
import { type Suite, SuiteReport } from './report.ts'

const MAILBOX = 'imaptest'
const DOMAIN = 'here.test'
const PASSWORD = 'secret'
const userName = (number: number): string => `user${number}@${DOMAIN}`
const SCRIPT_MS = 20_000

export const imaptestSuite: Suite = async (dir) => {
  const report = new SuiteReport()
  const offered = await capabilitiesOffered()
  for (const name of readdirSync(dir).sort()) {
    if (/\.|^COPYING/.test(name)) continue
    const script = readScript(dir, name)
    const missing = (script.header.get('capabilities') ?? '')
      .toUpperCase()
      .split(/\s+/)
      .filter((one) => one !== '' && !offered.has(one))
    if (missing.length > 0) report.skip(name, `${missing.join(' ')} is not offered`)
    else await runScript(report, dir, name, script)
  }
  return report
}

async function capabilitiesOffered(): Promise<Set<string>> {
  const house = await ImapHouse.open()
  await house.addPerson(userName(1), PASSWORD)
  const connection = new Connection(house.connect())
  await connection.client.line()
  const { tagged } = await connection.say(`login ${userName(1)} ${PASSWORD}`)
  connection.client.hangUp()
  await house.close()
  return new Set((/\[CAPABILITY ([^\]]*)\]/.exec(tagged)?.[1] ?? '').toUpperCase().split(' '))
}

async function runScript(report: SuiteReport, dir: string, name: string, script: Script): Promise<void> {
  const house = await ImapHouse.open()
  const runner = new Runner(house, script, readMbox(dir, name))
  try {
    await within(SCRIPT_MS, runner.run())
    if (house.bugs.length === 0) report.passed++
    else report.fail(name, 'no bug', house.bugs.join('\n'))
  } catch (error) {
    const { expected, got } = error instanceof Mismatch ? error : { expected: 'a run to the end', got: String(error) }
    report.fail(name, expected, got, house.bugs)
  } finally {
    runner.hangUp()
    await house.close()
  }
}

interface Script {
  readonly header: Map<string, string>
  readonly rows: string[]
}

/** Rows of the script; a `{{{` block is made a literal with its size. */
function readScript(dir: string, name: string): Script {
  const text = withoutConditions(readFileSync(join(dir, name), 'latin1'))
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

/** `!ifenv NAME` … `!else` … `!endif`: no such variable is set here. */
function withoutConditions(text: string): string {
  const kept: string[] = []
  const open: boolean[] = []
  for (const row of text.split('\n')) {
    if (/^!ifn?env /.test(row)) open.push(row.startsWith('!ifnenv'))
    else if (/^!else\b/.test(row)) open.push(!open.pop())
    else if (/^!endif\b/.test(row)) open.pop()
    else if (open.every(Boolean)) kept.push(row)
  }
  return kept.join('\n')
}

interface MboxMessage {
  readonly text: string
  readonly date: string | undefined
}

function readMbox(dir: string, name: string): MboxMessage[] {
  const own = join(dir, `${name}.mbox`)
  const text = readFileSync(existsSync(own) ? own : join(dir, 'default.mbox'), 'latin1').replaceAll('\r\n', '\n')
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
  readonly client: MemoryClient
  numbers: number[] = []
  #tags = 0

  constructor(client: MemoryClient) {
    this.client = client
  }

  /** `$n` counts from the message numbers as they are when a command begins. */
  nextTag(): string {
    this.numbers = Array.from({ length: 300 }, (_, i) => i + 1)
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

  /** Says what a script needs before it begins. */
  async must(command: string): Promise<void> {
    const { tagged } = await this.say(command)
    if (!/^\S+ OK/.test(tagged)) throw new Mismatch(`${command.slice(0, 60)}: OK`, tagged)
  }
}

/** Non-synchronising literals, so that a command is sent at once. */
const withPlus = (text: string): string => text.replace(/\{(\d+)\}\r\n/g, '{$1+}\r\n')

interface Said {
  readonly connection: Connection
  readonly tag: string
  /** 'tag1' of a pipelined command. */
  readonly label: string
  readonly text: string
  /** What its tagged answer must begin with; undefined: not read yet. */
  wanted: string | undefined
}

class Runner {
  readonly #house: ImapHouse
  readonly #script: Script
  readonly #mbox: readonly MboxMessage[]
  readonly #connections: Connection[] = []
  readonly #variables: Variables = new Map([
    ['mailbox', MAILBOX],
    ['mailbox_url', MAILBOX],
    ['domain', DOMAIN],
    ['password', PASSWORD],
  ])
  #nextMessage = 0

  constructor(house: ImapHouse, script: Script, mbox: readonly MboxMessage[]) {
    this.#house = house
    this.#script = script
    this.#mbox = mbox
  }

  hangUp(): void {
    for (const { client } of this.#connections) client.hangUp()
  }

  async run(): Promise<void> {
    await this.#prepare()
    const { rows } = this.#script
    for (let at = 0; at < rows.length; ) at = await this.#step(rows, at)
  }

  async #prepare(): Promise<void> {
    const { header } = this.#script
    const states = ['nonauth', 'auth', 'created', 'appended', 'selected']
    const state = states.indexOf(header.get('state') ?? 'selected')
    const count = Number(header.get('connections') ?? 1)
    for (let i = 1; i <= count; i++) {
      // All connections are the first person's, unless the script names others ('user 2: $user2').
      const user = userName(header.has(`user ${i}`) ? i : 1)
      const suffix = i === 1 ? '' : String(i)
      this.#variables.set(`user${suffix}`, user).set(`username${suffix}`, user.slice(0, user.indexOf('@')))
      if (this.#house.store.accountByAddress(user) === undefined) await this.#house.addPerson(user, PASSWORD)
      const connection = new Connection(this.#house.connect())
      this.#connections.push(connection)
      await connection.client.line()
      if (state >= 1) await connection.must(`login ${user} ${PASSWORD}`)
    }
    const first = this.#connections[0]!
    if (state >= 2) await first.must(`create ${MAILBOX}`)
    if (state >= 3) {
      const wanted = header.get('messages') ?? 'all'
      const messages = wanted === 'all' ? this.#mbox.length : Number(wanted)
      for (let i = 0; i < messages; i++) await first.must(this.#append(''))
    }
    // The mailbox is the first person's; the others have none of that name.
    if (state >= 4)
      for (const [i, connection] of this.#connections.entries())
        if (!header.has(`user ${i + 1}`) || i === 0) await connection.must(`select ${MAILBOX}`)
  }

  /** 'append', with or without a mailbox and flags: the next message of the mbox. Other commands stay as they are. */
  #complete(text: string): string {
    const append = /^append(?: +([^{]*))?$/is.exec(text.trimEnd())
    return append && !/catenate/i.test(text) ? this.#append(append[1] ?? '') : text
  }

  #append(argument: string): string {
    const message = this.#mbox[this.#nextMessage++ % this.#mbox.length]!
    const date = message.date === undefined ? '' : `${message.date} `
    return `append ${argument.trim() || MAILBOX} ${date}{${message.text.length}}\r\n${message.text}`
  }

  #send(row: string): Said {
    const [connection, withLabel] = this.#whose(row)
    const label = /^tag\w* /i.exec(withLabel)?.[0].trim() ?? ''
    const text = withLabel.slice(label === '' ? 0 : label.length + 1)
    const tag = connection.nextTag()
    this.#variables.set('tag', tag)
    connection.client.send(`${tag} ${withPlus(this.#complete(substitute(text, this.#variables)))}\r\n`)
    return { connection, tag, label, text, wanted: undefined }
  }

  #whose(row: string): [Connection, string] {
    const number = this.#connections.length === 1 ? /^1 /.exec(row) : /^\d+ /.exec(row)
    return [this.#connections[number === null ? 0 : Number(number[0]) - 1]!, row.slice(number?.[0].length ?? 0)]
  }

  /** One command, or a pipelined group, with what is expected of it; gives where the next begins. */
  async #step(rows: readonly string[], start: number): Promise<number> {
    const isExpectation = (row: string | undefined): boolean => /^[*!] /.test(row ?? '')
    const isStatus = (row: string): boolean => /^(\d+ )?(tag\w* )?(ok|no|bad|"")( |$)/i.test(row)
    let at = start
    const said: Said[] = []
    const expected: string[] = []
    const takeExpected = (): void => {
      while (isExpectation(rows[at])) expected.push(rows[at++]!)
    }
    const [, row] = this.#whose(rows[at]!)
    const method1 = /^(ok|no|bad|"") (.+)$/is.exec(row)
    if (method1) {
      const number = rows[at]!.slice(0, rows[at]!.length - row.length)
      const command = this.#send(number + method1[2]!)
      command.wanted = method1[1]!
      said.push(command)
      at++
      takeExpected()
    } else {
      while (at < rows.length && !isExpectation(rows[at]) && !isStatus(rows[at]!)) said.push(this.#send(rows[at++]!))
      takeExpected()
      for (let left = said.length; left > 0 && at < rows.length; left--) {
        const [, status] = this.#whose(rows[at++]!)
        const label = /^tag\w* /i.exec(status)?.[0].trim() ?? ''
        const command = said.find((one) => one.label === label && one.wanted === undefined)
        if (command) command.wanted = status.slice(label === '' ? 0 : label.length + 1)
      }
    }
    const untagged: Untagged[] = []
    for (const command of said) {
      const answers = await command.connection.answers(command.tag)
      untagged.push(...answers.untagged)
      this.#checkTagged(command, answers.tagged)
    }
    this.#checkUntagged(expected, untagged, said.map(({ text }) => text).join('; '))
    return at
  }

  #checkTagged({ wanted = '', text }: Said, tagged: string): void {
    const [status = '', ...prefix] = wanted.split(' ')
    if (status === '""' || status === '') return
    const [, actual = '', ...rest] = tagged.split(' ')
    const nodes = parseNodes(rest.join(' '))
    const isRight =
      actual.toLowerCase() === status.toLowerCase() &&
      parseNodes(prefix.join(' ')).every((node, i) => matchNode(node, nodes[i], this.#variables, ORDERED))
    if (!isRight) throw new Mismatch(`${text}: ${wanted}`, tagged)
  }

  /** One answer may be what several rows expect. */
  #checkUntagged(expected: readonly string[], untagged: readonly Untagged[], command: string): void {
    const wanted = new Set<Untagged>()
    const seen = () => untagged.map(({ nodes }) => JSON.stringify(nodes, (_, v) => v?.text ?? v)).join('\n            ')
    for (const row of expected) {
      const nodes = parseNodes(row.slice(2))
      const found = untagged.find((one) => {
        const attempt = new Map(this.#variables)
        const holds = matchUntagged(nodes, one, attempt) && modseqsRise(attempt)
        if (holds && row.startsWith('*')) for (const [name, value] of attempt) this.#variables.set(name, value)
        return holds
      })
      if (row.startsWith('!') === (found !== undefined)) throw new Mismatch(`${command}: ${row}`, seen())
      if (found) wanted.add(found)
    }
    const mayComeUnasked = this.#script.header.get('ignore_extra_untagged') !== 'no'
    if (wanted.size < untagged.length && !mayComeUnasked) throw new Mismatch(`${command}: nothing else`, seen())
  }
}
