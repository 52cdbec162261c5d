// Apache James's protocol scripts, against our IMAP server: lines that a client says and patterns of what it must hear
// (format in PROVENANCE.md beside them). states.json says what each script needs first. Of answers the tag, the status and
// the response code count, and the data; its wording is James's own.

import { existsSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { MemoryClient } from '../../protocols/testing.ts'
import { ImapHouse, Mismatch, within } from './imap-house.ts'
import { type Expectation, isAsExpected, mayComeUnasked, readExpectations } from './imap-mpt-match.ts'
import { prepare, withOurNames } from './imap-mpt-people.ts'
import { filesIn, type Suite, SuiteReport } from './report.ts'

const SCRIPT_MS = 20_000
const QUIET_MS = 1_000

interface State {
  readonly before: readonly string[]
  readonly prepared: readonly string[]
}

/** Runs of lines that the client says, what must be heard, or what the runner does. */
type Step =
  | { readonly say: readonly string[] }
  | { readonly hear: readonly string[] }
  | { readonly control: string; readonly argument: string }

export const imapMptSuite: Suite = async (dir) => {
  const report = new SuiteReport()
  const states = readStates(dir)
  const isHelper = (name: string): boolean => /^SelectedState(Setup|Cleanup)$/.test(name)
  for (const [folder, prefix] of [
    [dir, ''],
    [join(dir, 'aclIntegration'), 'aclIntegration/'],
  ] as const) {
    if (!existsSync(folder)) continue
    for (const file of filesIn(folder, '.test')) {
      const name = prefix + basename(file, '.test')
      if (!isHelper(name)) await runScript(report, dir, name, states[name] ?? defaultState(readFileSync(file, 'utf8')))
    }
  }
  return report
}

function readStates(dir: string): Record<string, State> {
  const file = join(dir, 'states.json')
  return existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}
}

/** A script that no suite names is greeted and signed in for, unless it begins with what the server says. */
function defaultState(script: string): State {
  const begins = readSteps(script).find((step) => !('control' in step))
  return { before: begins && 'hear' in begins ? [] : ['welcome', 'authenticate'], prepared: [] }
}

async function runScript(report: SuiteReport, dir: string, name: string, state: State): Promise<void> {
  const house = await ImapHouse.open({
    delimiter: '.',
    limits: { failures: 3, annotations: 10, annotationBytes: 1024 },
  })
  const runner = new Runner(house)
  try {
    await prepare(house, state.prepared)
    await within(SCRIPT_MS, runner.run(dir, name, state.before))
    if (house.bugs.length > 0) report.fail(name, 'no bug', house.bugs.join('\n'))
    else report.passed++
  } catch (error) {
    const { expected, got } = error instanceof Mismatch ? error : { expected: 'a run to the end', got: String(error) }
    report.fail(name, expected, got, house.bugs)
  } finally {
    runner.hangUp()
    await house.close()
  }
}

class Runner {
  readonly #house: ImapHouse
  readonly #sessions = new Map<string, MemoryClient>()
  #before: readonly string[] = []
  #current = '1'
  /** The last command said, for what is told when it fails. */
  #said = ''
  #isAsked = false

  constructor(house: ImapHouse) {
    this.#house = house
  }

  hangUp(): void {
    for (const client of this.#sessions.values()) client.hangUp()
  }

  async run(dir: string, name: string, before: readonly string[]): Promise<void> {
    this.#before = before
    await this.#session('1')
    const isPrepared = before.includes('prepareMailbox')
    const scripts = isPrepared ? ['SelectedStateSetup', name, 'SelectedStateCleanup'] : [name]
    for (const script of scripts) {
      const file = join(dir, `${script}.test`)
      if (!existsSync(file)) continue
      for (const step of readSteps(withOurNames(readFileSync(file, 'latin1')))) await this.#step(step)
    }
  }

  /** The connection of that number; a new one is greeted and signed in as the script's suite says. */
  async #session(number: string): Promise<MemoryClient> {
    const known = this.#sessions.get(number)
    if (known) return known
    const client = this.#house.connect()
    this.#sessions.set(number, client)
    if (this.#before.includes('welcome')) await client.line()
    if (this.#before.includes('authenticate')) await client.command(`LOGIN imapuser password`, 'welcome')
    if (this.#before.includes('selectInbox')) await client.command('SELECT INBOX', 'inbox')
    return client
  }

  async #step(step: Step): Promise<void> {
    if ('control' in step) {
      if (step.control === 'SESSION') this.#current = step.argument
      if (step.control !== 'REINIT') return
      this.hangUp()
      this.#sessions.clear()
      this.#current = '1'
      return
    }
    const client = await this.#session(this.#current)
    if ('say' in step) {
      // What follows a '+' belongs to the command before.
      if (!this.#isAsked) this.#said = step.say[0]!
      this.#isAsked = false
      client.send(withWholeLineEnd(step.say.map((line) => `${line}\r\n`).join('')))
      return
    }
    await this.#hear(client, readExpectations(step.hear, this.#said))
    this.#isAsked = step.hear.at(-1)!.startsWith('\\+')
  }

  /** Takes answers until all that is expected has come, and no more than that. */
  async #hear(client: MemoryClient, expected: readonly Expectation[]): Promise<void> {
    const heard: string[] = []
    const left = [...expected]
    const mismatch = (): Mismatch =>
      new Mismatch(
        `${this.#said.slice(0, 80)}: ${left.map(({ lines }) => lines.join(' | ')).join('\n            ')}`,
        heard.join('\n            '),
      )
    while (left.length > 0) {
      const answer = await within(QUIET_MS, client.response()).catch(() => undefined)
      if (answer === undefined) {
        heard.push('(nothing more)')
        throw mismatch()
      }
      heard.push(answer)
      const isTagged = !/^(\* |\+)/.test(answer)
      const index = left.findIndex((one) => isAsExpected(one, answer))
      if (index >= 0 && !(isTagged && left.length > 1)) left.splice(index, 1)
      else if (isTagged || !mayComeUnasked(answer, this.#said)) throw mismatch()
    }
  }
}

/** Some literals are announced one byte short, so that only an LF would be left to end the command. */
function withWholeLineEnd(text: string): string {
  const literal = /\{(\d+)\+\}\r\n/.exec(text)
  const end = literal === null ? 0 : literal.index + literal[0].length + Number(literal[1])
  return text.slice(end) === '\n' ? `${text.slice(0, end)}\r\n` : text
}

function readSteps(text: string): Step[] {
  const steps: Step[] = []
  for (const row of text.split('\n').map((one) => one.replace(/\r$/, ''))) {
    const line = /^([CS]):(?: (.*))?$/.exec(row)
    const last = steps.at(-1)
    if (line === null) {
      const control = /^(SESSION|REINIT)\b:?\s*(\S*)/.exec(row)
      if (control) steps.push({ control: control[1]!, argument: control[2]! })
    } else if (line[1] === 'C') {
      if (last && 'say' in last) steps[steps.length - 1] = { say: [...last.say, line[2] ?? ''] }
      else steps.push({ say: [line[2] ?? ''] })
    } else if (last && 'hear' in last) steps[steps.length - 1] = { hear: [...last.hear, line[2] ?? ''] }
    else steps.push({ hear: [line[2] ?? ''] })
  }
  return steps
}
