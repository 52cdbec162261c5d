// kill -9 at any moment while mail pours in at both doors: what got a 250 is in the mailbox after the restart, once.
// And Ctrl-C: it stops at once and cleanly, and the mail is there at the next start.

import assert from 'node:assert/strict'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { type Demo, endDemos, startDemo, temporaryFolder, until } from './demo.ts'
import { byImap, withImap } from './mailbox.ts'
import { Smtp, type SmtpReply, Vanished } from './smtp.ts'

/** At least so many kills; then more while there is time. */
const MIN_ROUNDS = 3
const ENOUGH_MS = 15_000
const STOP_WITHIN_MS = 2000

after(endDemos)

/** A sender that never waits: each message is one of its own, and is never sent again. Ends when the server is gone. */
async function pour(
  demo: Demo,
  name: string,
  door: 'MSA' | 'Receiver',
  taken: string[],
  tried: string[],
): Promise<void> {
  const anna = demo.person('anna')
  const from = door === 'MSA' ? anna.address : 'stranger@else.test'
  let smtp: Smtp | undefined
  try {
    smtp = door === 'MSA' ? await Smtp.signedIn(anna) : (await Smtp.open(demo.receiver('recipient'))).smtp
    if (door === 'Receiver') await smtp.expect(250, 'EHLO stranger.test')
    for (let n = 0; ; n++) {
      const subject = `${name}.${n}`
      // Every third submitted message goes the long way, through the Forwarder.
      const to = door === 'MSA' && n % 3 === 0 ? 'bob@old.test' : 'bob@recipient.test'
      // Now and then a large one, which the store keeps in a file of its own.
      const body = `${'abcdefgh'.repeat(9)}\r\n`.repeat(n % 25 === 7 ? 6000 : 1 + (n % 40))
      tried.push(subject)
      const reply: SmtpReply = await smtp.send(
        from,
        [to],
        Buffer.from(`From: ${from}\r\nSubject: ${subject}\r\n\r\n${body}`),
      )
      if (reply.code === 421 || reply.code === 451) return
      assert.equal(reply.code, 250, reply.text)
      taken.push(subject)
    }
  } catch (error) {
    if (!(error instanceof Vanished)) throw error
  } finally {
    smtp?.vanish()
  }
}

/** How often each subject lies in Bob's mailboxes. */
async function countSubjects(demo: Demo): Promise<Map<string, number>> {
  const counts = new Map<string, number>()
  for (const mailbox of ['INBOX', 'Junk'])
    for (const source of await byImap(demo.person('bob'), mailbox)) {
      const subject = /^Subject: (.*)\r$/m.exec(source.toString('latin1'))?.[1] ?? ''
      counts.set(subject, (counts.get(subject) ?? 0) + 1)
    }
  return counts
}

test('SIGKILL while mail pours in: everything that got a 250 arrives, once', { timeout: 120_000 }, async (t) => {
  const folder = join(temporaryFolder(), 'demo')
  const taken: string[] = []
  const tried: string[] = []
  const sinceMs = performance.now()
  let kills = 0
  for (; kills < MIN_ROUNDS || performance.now() - sinceMs < ENOUGH_MS; kills++) {
    const demo = await startDemo({ folder })
    const senders = [1, 2, 3].flatMap((n) =>
      (['MSA', 'Receiver'] as const).map((door) => pour(demo, `${door}.${kills}.${n}`, door, taken, tried)),
    )
    const senderFailed = Promise.all(senders)
    const lifetimeMs = 100 + Math.random() * 1200
    await Promise.race([new Promise((resolve) => setTimeout(resolve, lifetimeMs)), senderFailed])
    await demo.kill()
    await senderFailed
  }
  const demo = await startDemo({ folder })
  const missing = (counts: Map<string, number>) => taken.filter((subject) => !counts.has(subject))
  await until(
    'all mail',
    async () => (missing(await countSubjects(demo)).length === 0 ? true : undefined),
    40_000,
  ).catch(() => undefined)
  // What nobody was promised may still be under way.
  await new Promise((resolve) => setTimeout(resolve, 1000))
  const counts = await countSubjects(demo)
  const arrivedAll = tried.filter((subject) => counts.has(subject)).length
  t.diagnostic(`${kills} kills; ${tried.length} sent, ${taken.length} acknowledged, ${arrivedAll} arrived`)
  assert.deepEqual(missing(counts), [], 'acknowledged, and lost')
  assert.deepEqual(
    tried
      .filter((subject) => (counts.get(subject) ?? 0) > 1)
      .map((subject) => `${subject} ${counts.get(subject)} times`),
    [],
    'came more than once',
  )
  assert.doesNotMatch(demo.said(), /error/)
  assert.equal((await demo.stop()).code, 0)
})

test('Ctrl-C stops at once with exit code 0, and the mail is there at the next start', async (t) => {
  const folder = join(temporaryFolder(), 'demo')
  const first = await startDemo({ folder })
  const taken: string[] = []
  const before = await withImap(first.person('bob'), async (imap) => {
    await imap.mailboxOpen('INBOX')
    void imap.idle()
    const senders = [1, 2].flatMap((n) =>
      (['MSA', 'Receiver'] as const).map((door) => pour(first, `${door}.${n}`, door, taken, [])),
    )
    await new Promise((resolve) => setTimeout(resolve, 700))
    const { code, tookMs } = await first.stop()
    t.diagnostic(`stopped after ${Math.round(tookMs)} ms under load, ${taken.length} messages taken`)
    assert.equal(code, 0, first.said())
    assert.ok(tookMs < STOP_WITHIN_MS, `it took ${tookMs} ms`)
    await Promise.all(senders)
    return taken.length
  })
  assert.ok(before > 0)
  const second = await startDemo({ folder })
  await until('all mail', async () => {
    const counts = await countSubjects(second)
    return taken.every((subject) => counts.has(subject)) ? true : undefined
  })
  const counts = await countSubjects(second)
  assert.deepEqual(
    taken.filter((subject) => counts.get(subject) !== 1),
    [],
  )
  const { code, tookMs } = await second.stop()
  t.diagnostic(`stopped after ${Math.round(tookMs)} ms when idle`)
  assert.equal(code, 0)
  assert.ok(tookMs < STOP_WITHIN_MS, `it took ${tookMs} ms`)
})
