import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parse } from '../../../../src/notation/parse.ts'
import type { Replay } from '../engine/protocol.ts'
import { type Step, storyOf } from './steps.ts'

const { model } = parse(
  'Author@anna ==> MSA/Transmitter@s --> / --> Receiver/Forwarder@old ~~> MDA@new ==> Recipient@bob',
)
const proofs = { spf: 'pass', helo: 'pass', dkim: 'none', dmarc: 'fail', arc: 'none' }
const hop = (agent: string) => ({ agent, proofs, does: 'inbox', why: 'it is known', steps: [] })
const c = (atMs: number, text: string) => ({ atMs, side: 'client' as const, text })
const s = (atMs: number, text: string) => ({ atMs, side: 'server' as const, text })

const REPLAY: Replay = {
  row: {
    flow: 1,
    text: '',
    from: 'anna@s.test',
    to: 'bob@old.test',
    recipient: 'bob@new.test',
    path: ['s', 'old', 'new'],
    hops: [hop('old'), hop('new')],
    missed: [],
    end: 'inbox',
    where: 'of bob@new.test',
  },
  conversations: [
    {
      client: 'the computer at 127.0.99.1',
      server: 's',
      port: 587,
      lines: [
        s(1, '220 s'),
        c(2, 'EHLO x'),
        s(3, '250-s'),
        s(3, '250 SIZE'),
        c(4, 'MAIL FROM:<anna@s.test>'),
        c(4, 'RCPT TO:<bob@old.test>'),
        c(4, 'DATA'),
        s(5, '250 2.1.0 ok'),
        s(5, '250 2.1.5 ok'),
        s(5, '354 go on'),
        c(6, '(the message, 9 bytes)'),
        c(6, '.'),
        s(7, '250 2.0.0 accepted'),
      ],
    },
    { client: 's', server: 'old', port: 25, lines: [c(10, '(the message, 9 bytes)'), c(10, '.'), s(20, '250 ok')] },
    { client: 'old', server: 'new', port: 25, lines: [c(15, '(the message, 9 bytes)'), c(15, '.'), s(16, '250 ok')] },
    { client: 'new', server: 'elsewhere', port: 25, lines: [c(30, 'EHLO new')] },
  ],
}

const { steps, parties } = storyOf(model, REPLAY)
const said = steps.filter((step) => step.kind === 'said')

test('in the order in which it was said; a question within a conversation stands within it', () => {
  assert.deepEqual(
    steps.map((step) => step.atMs),
    steps.map((step) => step.atMs).toSorted((a, b) => a - b),
  )
  const inner = said.findIndex(({ atMs }) => atMs === 15)
  assert.deepEqual(
    [said[inner - 1], said[inner], said.at(-2)].map((step) => step!.conversation),
    [1, 2, 1],
  )
})

test('a reply of several lines is one step; each reply is explained by the command that it answers', () => {
  assert.deepEqual(said[2]!.lines, ['250-s', '250 SIZE'])
  const means = (text: string) => said.find(({ lines }) => lines[0] === text)!.means
  assert.match(means('250-s'), /lists what it can do/)
  assert.match(means('250 2.1.0 ok'), /sender may go on/)
  assert.match(means('250 2.1.5 ok'), /Recipient is here/)
  assert.match(means('354 go on'), /Go ahead/)
  assert.match(means('250 2.0.0 accepted'), /answers for it/)
})

test('every step goes along the arrows of its flow; what is not drawn goes nowhere', () => {
  const way = (conversation: number) => said.find((step) => step.conversation === conversation)!.way
  assert.deepEqual(way(0), { from: 'author-anna', to: 'msa-transmitter-s', hops: ['author-anna->msa-transmitter-s'] })
  assert.deepEqual(way(1).hops, ['msa-transmitter-s->receiver-forwarder-old'])
  assert.deepEqual(way(2).hops, ['receiver-forwarder-old->mda-new'])
  assert.deepEqual(way(3), { from: 'mda-new', to: undefined, hops: [] })
  const end = steps.at(-1)!
  assert.ok(end.kind === 'end' && end.isGood)
  assert.deepEqual(end.way.hops, ['mda-new->recipient-bob'])
  for (const {
    way: { hops },
  } of said)
    for (const id of hops) assert.ok(model.hops.some((one) => one.id === id))
})

const lineOf = (step: Step | undefined) => (step?.kind === 'said' ? step.lines[0] : undefined)

test('an agent tells what it found out as soon as it has the letter, once', () => {
  const verdicts = steps.flatMap((step, k) =>
    step.kind === 'verdict' ? [[step.at, lineOf(steps[k - 1]), step.atMs]] : [],
  )
  assert.deepEqual(verdicts, [
    ['receiver-forwarder-old', '.', 10],
    ['mda-new', '.', 15],
  ])
})

test('the Author’s machine has the Author’s name', () => {
  assert.equal(parties[0]!.client, 'anna@s.test’s computer')
})

test('a flow that begins in the open Internet begins there', () => {
  const open = parse('/ --> Receiver@r ==> MDA@m ==> Recipient').model
  const row = { ...REPLAY.row, hops: [] }
  const conversations = [
    { client: 'the computer at 127.0.99.77', server: 'r', port: 25, lines: [c(1, 'EHLO x')] },
    { client: 'r', server: 'm', port: 24, lines: [c(2, 'LHLO r')] },
  ]
  const [first, second] = storyOf(open, { row, conversations }).steps
  assert.ok(first?.kind === 'said' && second?.kind === 'said')
  assert.deepEqual(first.way, { from: undefined, to: 'receiver-r', hops: [open.hops[0]!.id] })
  assert.deepEqual(second.way.hops, ['receiver-r->mda-m'])
  assert.match(second.means, /LMTP/)
})
