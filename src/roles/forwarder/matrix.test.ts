// The matrix: what becomes of honest mail that is passed on, by how it is passed on, by what proves its Author, by what the
// Author's domain asks for (DMARC), and by whether the MDA trusts the Forwarder. Every cell is a letter that goes through
// the real roles. docs/forwarding.md prints it: FORWARDING_TABLE=write writes it there, else the two are compared.

import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { describe, test } from 'node:test'
import { type Found, TestSystem } from '../../system/testing.ts'
import { newTrace } from '../agent.ts'
import { queueCommand } from '../routing.ts'
import { commitAll } from '../tracking.ts'
import { dkimFields } from '../transmitter/signing.ts'

const POLICIES = ['none', 'quarantine', 'reject'] as const
const PROOFS = {
  spf: { words: 'SPF only', attributes: 'dkim=no' },
  dkim: { words: 'DKIM only', attributes: 'spf=no' },
  both: { words: 'both', attributes: 'dkim=yes' },
} as const
const MODES = {
  plain: { words: 'plain forward', attributes: 'srs=no, arc=no' },
  srs: { words: 'SRS', attributes: 'srs=yes, arc=no' },
  sealed: { words: 'SRS and ARC', attributes: 'srs=yes, arc=yes' },
  edits: { words: 'list that edits', attributes: undefined },
  rewrites: { words: 'list that rewrites From', attributes: undefined },
} as const
/** Who trusts every Forwarder, and who has told his MDA of none. */
const READERS = { trusting: 'yes', wary: 'no' } as const

type Policy = (typeof POLICIES)[number]
type Proof = keyof typeof PROOFS
type Mode = keyof typeof MODES
type Reader = keyof typeof READERS
const keys = <K extends string>(table: Record<K, unknown>) => Object.keys(table) as K[]

interface Cell {
  readonly mode: Mode
  readonly proof: Proof
  readonly policy: Policy
  readonly reader: Reader
}
const CELLS: readonly Cell[] = keys(MODES).flatMap((mode) =>
  keys(PROOFS).flatMap((proof) =>
    POLICIES.flatMap((policy) => keys(READERS).map((reader) => ({ mode, proof, policy, reader }))),
  ),
)
const subjectOf = ({ mode, proof, policy, reader }: Cell) => `[${mode} ${proof} ${policy} ${reader}]`
const senderOf = ({ proof, policy }: Pick<Cell, 'proof' | 'policy'>) => `${proof}-${policy}`
const authorOf = (cell: Pick<Cell, 'proof' | 'policy'>) => `author@${senderOf(cell)}.test`

const isList = (mode: Mode) => MODES[mode].attributes === undefined

function description(): string {
  const lines: string[] = []
  const attributes: string[] = ['recipient: domain=recipient.test, ip=127.0.20.1']
  const senders = keys(PROOFS).flatMap((proof) => POLICIES.map((policy) => ({ proof, policy })))
  for (const [i, { proof, policy }] of senders.entries()) {
    const id = senderOf({ proof, policy })
    lines.push(
      `Author@at-${id} ==> MSA/Transmitter@${id} --> / --> Receiver/MDA@recipient ==> Recipient@trusting`,
      `--> / --> Receiver/MDA@${id} ==> Recipient@at-${id}`,
    )
    attributes.push(
      `${id}: domain=${id}.test, ip=127.0.10.${i + 1}, dmarc=${policy}, ${PROOFS[proof].attributes}`,
      `at-${id}: address=${authorOf({ proof, policy })}, password=demo`,
    )
  }
  for (const [i, mode] of keys(MODES).entries()) {
    const at = `${mode}: domain=${mode}.test, ip=127.0.30.${i + 1}`
    if (isList(mode)) {
      lines.push(`Author@of-${mode} ==> MSA/Transmitter@${mode} --> / --> Receiver/MDA@recipient`)
      lines.push(`--> / --> Receiver/MDA@${mode} ==> Recipient@of-${mode}`)
      attributes.push(at, `of-${mode}: address=trusting@${mode}.test, alias=wary@${mode}.test, password=demo`)
    } else {
      lines.push(`--> / --> Receiver/Forwarder@${mode} ~~> Receiver/MDA@recipient ==> Recipient@wary`)
      const forwards = keys(READERS).map((reader) => `forward="${reader}@${mode}.test -> ${reader}@recipient.test"`)
      attributes.push(`${at}, ${MODES[mode].attributes}, ${forwards.join(', ')}`)
    }
  }
  attributes.push(`trusting: address=trusting@recipient.test, ${keys(MODES).map((mode) => `trusts=${mode}`)}`)
  attributes.push('wary: address=wary@recipient.test')
  return `${lines.join('\n\n')}\n\n${attributes.join('\n')}\n`
}

/**
 * A mailing list as most are: what reached its address is sent on by its own Transmitter, under its own reverse-path, with
 * a mark in the subject, a footer and its List-Id (RFC 2919), and signed by it. One kind leaves From alone, the other writes itself there.
 */
async function distribute(world: TestSystem, mode: Mode): Promise<void> {
  const agent = world.agent(mode)
  for (const { text } of await world.mail(mode, `trusting@${mode}.test`)) {
    const reader = /^To: (\w+)@/m.exec(text)![1]!
    const list = `${reader}@${mode}.test`
    let edited = text
      .replace(/^Return-Path: .*\r\n/, '')
      .replace(/^Subject: /m, `List-Id: <list.${mode}.test>\r\nSubject: [list] `)
    if (mode === 'rewrites')
      edited = edited.replace(/^From: (.*)$/m, `From: "Author via list" <${list}>\r\nReply-To: $1`)
    const content = Buffer.from(`${edited}-- \r\nYou are on this list.\r\n`)
    const blob = await world.run(agent.store.putBlob([...(await dkimFields(agent, content)), content]))
    const mail = { trace: newTrace(agent.world), blob, reversePath: list, parameters: {}, origin: 'msa' } as const
    await world.run(commitAll(agent, [queueCommand(agent, mail, `${reader}@recipient.test`)]))
  }
}

interface Result {
  readonly outcome: 'inbox' | 'Junk' | 'refused'
  readonly found: Found | undefined
}

async function runAll(): Promise<{ results: Map<Cell, Result>; world: TestSystem }> {
  const world = await TestSystem.start(description())
  const computer = world.stranger('127.0.99.1')
  const letters = CELLS.map(async (cell) => {
    const from = authorOf(cell)
    const to = `${cell.reader}@${cell.mode}.test`
    const text = `From: ${from}\nTo: ${to}\nSubject: ${subjectOf(cell)}\n\nHello\n`
    const said = await world.sending(computer, senderOf(cell), 'submission', { from, to, text, login: from })
    assert.match(said[0]!, /^250 /)
  })
  await world.run(Promise.all(letters))
  await world.quiet()
  for (const mode of keys(MODES)) if (isList(mode)) await distribute(world, mode)
  await world.quiet()

  const results = new Map<Cell, Result>()
  for (const reader of keys(READERS)) {
    const address = `${reader}@recipient.test`
    const mailboxes = {
      inbox: await world.mail('recipient', address),
      Junk: await world.mail('recipient', address, 'junk'),
    }
    for (const cell of CELLS.filter((one) => one.reader === reader)) {
      const found = (mails: Found[]) => mails.filter(({ text }) => text.includes(subjectOf(cell)))
      const copies = [...found(mailboxes.inbox), ...found(mailboxes.Junk)]
      assert.ok(copies.length <= 1, `${subjectOf(cell)} arrived ${copies.length} times`)
      const outcome = copies.length === 0 ? 'refused' : found(mailboxes.inbox).length > 0 ? 'inbox' : 'Junk'
      results.set(cell, { outcome, found: copies[0] })
    }
  }
  return { results, world }
}

function table(results: ReadonlyMap<Cell, Result>): string {
  const resultOf = (cell: Cell) => results.get(CELLS.find((one) => subjectOf(one) === subjectOf(cell))!)!
  const lines = [
    '| passed on by | what proves the Author | trusted | what the MDA sees | DMARC none | DMARC quarantine | DMARC reject |',
    '|---|---|---|---|---|---|---|',
  ]
  for (const mode of keys(MODES))
    for (const proof of keys(PROOFS))
      for (const reader of keys(READERS)) {
        const row = POLICIES.map((policy) => resultOf({ mode, proof, policy, reader }))
        const { spf, dkim, dmarc, arc } = row[0]!.found!.verdict!
        const sees = `SPF ${spf}, DKIM ${dkim}, DMARC ${dmarc}, ARC ${arc}`
        const words = [MODES[mode].words, PROOFS[proof].words, READERS[reader], sees]
        lines.push(`| ${[...words, ...row.map(({ outcome }) => outcome)].join(' | ')} |`)
      }
  return lines.join('\n')
}

const PAGE = new URL('../../../docs/forwarding.md', import.meta.url)
const BEGIN = '<!-- matrix: written by src/roles/forwarder/matrix.test.ts -->\n'
const END = '\n<!-- end of matrix -->'

describe('the matrix of forwarding', async () => {
  const { results, world } = await runAll()
  const all = [...results.entries()]

  test('docs/forwarding.md prints it', () => {
    const page = readFileSync(PAGE, 'utf8')
    const from = page.indexOf(BEGIN) + BEGIN.length
    const to = page.indexOf(END)
    assert.ok(from >= BEGIN.length && to > from, 'docs/forwarding.md has no place for the matrix')
    const now = page.slice(0, from) + table(results) + page.slice(to)
    if (process.env.FORWARDING_TABLE === 'write') writeFileSync(PAGE, now)
    else assert.equal(page, now, 'run this test with FORWARDING_TABLE=write')
  })

  test('who trusts the Forwarder gets honest mail into the inbox, always', () => {
    for (const [cell, { outcome }] of all)
      if (cell.reader === 'trusting') assert.equal(outcome, 'inbox', `${subjectOf(cell)}: ${outcome}`)
  })

  test('without trust, untouched mail arrives as long as a DKIM signature proves its Author', () => {
    for (const [cell, { outcome }] of all)
      if (!isList(cell.mode) && cell.proof !== 'spf') assert.equal(outcome, 'inbox', subjectOf(cell))
  })

  test('without trust, mail that only SPF proves meets the policy of its own domain', () => {
    // Who rewrites the reverse-path or seals is seen to have passed it on: then nobody is refused for the policy alone.
    const wanted = (cell: Cell) => (cell.policy === 'reject' && cell.mode === 'plain' ? 'refused' : 'Junk')
    for (const [cell, { outcome }] of all)
      if (!isList(cell.mode) && cell.proof === 'spf' && cell.reader === 'wary' && cell.policy !== 'none')
        assert.equal(outcome, wanted(cell), subjectOf(cell))
  })

  test('of what was refused somebody hears: the Author of a forward, the list of what it sent', async () => {
    for (const [cell, { outcome }] of all) {
      if (outcome !== 'refused') continue
      const [who, address] = isList(cell.mode)
        ? ([cell.mode, `trusting@${cell.mode}.test`] as const)
        : ([senderOf(cell), authorOf(cell)] as const)
      const reports = (await world.mail(who, address)).filter(
        ({ text }) => text.includes(subjectOf(cell)) && text.includes('multipart/report'),
      )
      assert.equal(reports.length, 1, subjectOf(cell))
    }
  })
})
