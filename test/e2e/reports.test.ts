// Reports with real sockets, disks and processes: what the demo saw is counted over a clean stop, and once the day is
// over its report goes to the sender by SMTP, is read there, and is shown to the postmaster and on the command line.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openStore } from '../../src/store/embedded.ts'
import { realWorld } from '../../src/world/real/world.ts'
import { DEMO_TEXT, endDemos, ROOT, startDemo, temporaryFolder, until } from './demo.ts'
import { byImap } from './mailbox.ts'
import { Smtp } from './smtp.ts'

const MORE = `
Author@post ==> MSA/Transmitter@sender
post: address=postmaster@sender.test, name="Postmaster", password=demo
sender: reports=yes
recipient: reports=yes
`

after(endDemos)

/** The day is over early: the report about a domain is due now. */
async function endDay(folder: string, domain: string): Promise<number> {
  const dns = () => ({ resolve: () => Promise.reject(new Error('no DNS here')) })
  const store = await openStore(realWorld({ folder, dns }))
  try {
    const duty = store.reports.days(0, 100).find((one) => one.kind === 'dmarc' && one.domain === domain)
    assert.equal(duty?.state, 'collecting')
    const { kind, day, messages } = duty!
    await store.commit([{ kind: 'report.postpone', of: { kind, domain, day }, dueMs: 0, outcome: '' }])
    return messages
  } finally {
    await store.close()
  }
}

test('a day is counted over a stop, reported by mail, taken in and shown', async () => {
  const file = join(temporaryFolder(), 'reporting.borderpost')
  writeFileSync(file, DEMO_TEXT + MORE)
  const folder = join(temporaryFolder(), 'demo')
  const first = await startDemo({ file, folder })
  const forger = (await Smtp.open(first.receiver('recipient'))).smtp
  await forger.expect(250, 'EHLO forger.test')
  const forged = Buffer.from('From: anna@sender.test\r\nTo: bob@recipient.test\r\nSubject: money\r\n\r\nNow.\r\n')
  assert.match((await forger.send('x@forger.test', ['bob@recipient.test'], forged)).text, /^550 5\.7\.26/)
  forger.vanish()
  assert.equal((await first.stop()).code, 0)

  const messages = await endDay(join(folder, 'recipient'), 'sender.test')
  assert.ok(messages >= 2, `${messages}`)
  const second = await startDemo({ file, folder })
  const postmaster = second.person('postmaster')
  const report = await until('the report', async () => {
    const found = (await byImap(postmaster)).filter((source) => source.includes('To: dmarc-reports@sender.test'))
    assert.ok(found.length <= 1)
    return found[0]?.toString('latin1')
  })
  assert.match(report, /^Subject: Report Domain: sender\.test Submitter: recipient\.test\s+Report-ID:\s+<(\w+)>\r\n/m)
  assert.match(report, /^Authentication-Results: mail\.sender\.test;[\s\S]*dmarc=pass/m)
  assert.match(report, /filename="?recipient\.test!sender\.test!\d+!\d+!\w+\.xml\.gz/)

  const authorization = `Basic ${Buffer.from(`${postmaster.address}:${postmaster.password}`).toString('base64')}`
  const shown = await until('the page', async () => {
    const answer = await fetch(`${second.ready.web}/api/reports`, { headers: { authorization } })
    const { domains } = (await answer.json()) as { domains: { domain: string; messages: number; refused: number }[] }
    return domains[0]
  })
  assert.deepEqual([shown.domain, shown.messages, shown.refused], ['sender.test', messages, 1])

  const command = [join(ROOT, 'bin', 'borderpost.js'), 'reports', folder]
  const { stdout, status } = spawnSync(process.execPath, command, { encoding: 'utf8' })
  assert.equal(status, 0)
  assert.match(
    stdout,
    new RegExp(`\\nsender, the last 30 days\\n[\\s\\S]*${messages} messages: ${messages - 1} proven, 1 not`),
  )
  assert.match(stdout, /\nrecipient, the last 30 days\n[\s\S]*Sent to dmarc-reports@sender\.test as \w+\./)
  assert.equal((await second.stop()).code, 0)
})
