import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { SystemModel } from '../../notation/model.ts'
import { parse } from '../../notation/parse.ts'
import { planSystem } from '../../system/description.ts'
import { completed } from './completed.ts'
import { switchesOf } from './concerned.ts'
import { renderSurvival } from './render.ts'
import { Dialogue, renderConversations } from './replay.ts'
import { cellsOf, survival } from './survival.ts'
import { changes, parseSwitches, switched, turned } from './what-if.ts'
import { simulatedStage } from './world.ts'

async function run(model: SystemModel, seed = 1) {
  const { plan, findings } = planSystem(model)
  assert.deepEqual(findings, [])
  const stage = await simulatedStage(plan, { seed })
  const found = await survival(stage)
  return { found, cells: cellsOf(found), hash: stage.system.simulation.eventLogHash() }
}

const FORWARDED = `
Author@anna ==> MSA/Transmitter@sender --> / --> Receiver/Forwarder@old ~~> MDA@new ==> Recipient@bob

old: srs=no, arc=no
`

test('a bare flow is completed, and its letter ends where the drawing says', async () => {
  const { model, assumed } = completed(parse('Author ==> MSA/Transmitter --> / --> Receiver/MDA ==> Recipient').model)
  assert.ok(assumed.includes('receiver-mda: domain=recipient.test'), assumed.join('\n'))
  const { found, cells } = await run(model)
  assert.equal(cells.get('flow 1: end'), 'inbox')
  assert.equal(cells.get('flow 1 at receiver-mda: spf'), 'pass')
  assert.match(renderSurvival(found), /author@sender\.test writes to recipient@recipient\.test: inbox of/)
})

test('a Forwarder keeps the reverse-path: SPF fails behind it, and the signature holds', async () => {
  const { cells } = await run(completed(parse(FORWARDED).model).model)
  assert.equal(cells.get('flow 1 at old: spf'), 'pass')
  assert.equal(cells.get('flow 1 at new: spf'), 'fail')
  assert.equal(cells.get('flow 1 at new: dkim'), 'pass')
  assert.equal(cells.get('flow 1: end'), 'inbox')
})

test('what if nothing is signed: the cells that change, with the steps of the checks', async () => {
  const { model } = completed(parse(FORWARDED).model)
  const switches = parseSwitches('dkim=no')
  assert.ok(typeof switches !== 'string')
  const found = changes((await run(model)).found, (await run(switched(model, switches))).found)
  assert.deepEqual(
    found.filter(({ cell }) => cell.startsWith('flow 1 at new: d') || cell.endsWith('end')),
    [
      { cell: 'flow 1 at new: dkim', before: 'pass', after: 'none', why: [] },
      {
        cell: 'flow 1 at new: dmarc',
        before: 'pass',
        after: 'fail',
        why: [
          'DMARC: From domain (sender.test)',
          'DMARC: DMARC record (_dmarc.sender.test: v=DMARC1; p=reject)',
          'DMARC: nothing aligned (policy reject)',
        ],
      },
      {
        cell: 'flow 1 at new: does',
        before: 'inbox',
        after: 'refuses it',
        why: [
          'Refused at the Border: neither SPF nor DKIM proves that this mail is from sender.test, and sender.test asks to refuse such mail (DMARC p=reject).',
        ],
      },
      {
        cell: 'flow 1: end',
        before: 'inbox',
        after: 'refused 550 5.7.26',
        why: [
          'Refused at the Border: neither SPF nor DKIM proves that this mail is from sender.test, and sender.test asks to refuse such mail (DMARC p=reject).',
        ],
      },
    ],
  )
})

test('of a letter that was refused the table says how the Border came to it', async () => {
  const { model } = completed(parse(FORWARDED).model)
  const switches = parseSwitches('dkim=no')
  assert.ok(typeof switches !== 'string')
  const text = renderSurvival((await run(switched(model, switches))).found)
  assert.match(text, /^ {4}new: Refused at the Border: .*\n {6}SPF: .*\n(?: {6}.*\n)* {6}DMARC: nothing aligned/m)
})

test('what if everybody trusted the Forwarder, or it rewrote the reverse-path: honest mail arrives', async () => {
  const { model } = completed(
    parse(`${FORWARDED}anna: address=anna@sender.test, password=demo\nsender: domain=sender.test, dkim=no`).model,
  )
  for (const [text, end] of [
    ['trust=yes', 'inbox'],
    ['old:srs=yes', 'Junk'],
    ['dmarc=none', 'Junk'],
    ['trust=no', 'refused 550 5.7.26'],
  ] as const) {
    const switches = parseSwitches(text)
    assert.ok(typeof switches !== 'string')
    assert.equal((await run(switched(model, switches))).cells.get('flow 1: end'), end, text)
  }
})

test('a switch for one concerns him alone: one of two senders, one of two Recipients, all whose mailboxes an MDA has', async () => {
  const { model } = completed(
    parse(`
Author@anna ==> MSA/Transmitter@one --> / --> Receiver/Forwarder@old ~~> Receiver/MDA@new ==> Recipient@bob

Author@carl ==> MSA/Transmitter@two --> / --> Receiver/Forwarder@old ~~> Receiver/MDA@new ==> Recipient@dora

old: srs=no, arc=no, domain=old.test
one: dkim=no
two: dkim=no
Recipient: trusts=old
`).model,
  )
  const ends = async (switches: string) => {
    const other = turned(model, switches)
    assert.ok(typeof other !== 'string', String(other))
    const { cells } = await run(other)
    return [1, 2].map((n) => cells.get(`flow ${n}: end`))
  }
  const REFUSED = 'refused 550 5.7.26'
  assert.deepEqual(await ends(''), ['inbox', 'inbox'])
  assert.deepEqual(await ends('trust=no'), [REFUSED, REFUSED])
  // One line speaks of both.
  assert.deepEqual(await ends('bob:trust=no'), [REFUSED, 'inbox'])
  assert.deepEqual(await ends('trust=no, dora:trust=yes'), [REFUSED, 'inbox'])
  assert.deepEqual(await ends('trust=no, new:trust=yes'), ['inbox', 'inbox'])
  assert.deepEqual(await ends('trust=no, two:dkim=yes'), [REFUSED, 'inbox'])
})

test('whom one may ask of: who sends has a domain, who passes on rewrites and seals, who reads trusts', () => {
  const { model } = completed(parse(FORWARDED).model)
  assert.deepEqual(
    model.actors.map((actor) => `${actor.id}: ${switchesOf(actor).join(' ')}`),
    ['anna: ', 'sender: spf dkim dmarc', 'old: spf dkim dmarc srs arc modifies', 'new: trust', 'bob: trust'],
  )
})

test('a switch that is none is refused with what to write', () => {
  assert.match(parseSwitches('ssr=no') as string, /There is no switch "ssr"/)
  assert.match(parseSwitches('dmarc=maybe') as string, /write none, quarantine or reject/)
  assert.match(parseSwitches('srs') as string, /is no switch/)
  assert.throws(() => switched(parse(FORWARDED).model, [{ of: 'nobody', key: 'srs', value: 'no' }]), /Nobody here/)
})

test('the same seed gives the same events, another one others', async () => {
  const { model } = completed(parse(FORWARDED).model)
  const first = await run(model, 3)
  assert.equal((await run(model, 3)).hash, first.hash)
  assert.notEqual((await run(model, 4)).hash, first.hash)
})

test('the dialogue can be read again, without passwords', async () => {
  const { plan } = planSystem(completed(parse(FORWARDED).model).model)
  const stage = await simulatedStage(plan, { seed: 1 })
  const dialogue = new Dialogue(
    stage.system.simulation,
    (ip) => plan.agents.find((one) => one.ip === ip)?.id ?? 'computer',
  )
  await survival(stage)
  dialogue.stop()
  const text = renderConversations(dialogue.take())
  for (const line of [
    'computer to sender (port 587):',
    'sender to old (port 25):',
    '  C: MAIL FROM:<anna@sender.test>',
    'old to new (port 25):',
    '  C: RCPT TO:<bob@new.test>',
  ])
    assert.ok(text.includes(line), `${line}\n${text}`)
  assert.match(text, /C: \(the message, \d+ bytes\)/)
  assert.match(text, /C: AUTH \S+ …/)
  assert.ok(!text.includes('Kind regards'))
})
