// What goes wrong in life: messages too large, nonsense, clients that vanish, ports that are taken, a description with
// mistakes, a disk that is full. Each has its right answer, and the service stays up.

import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:net'
import { join } from 'node:path'
import { after, before, describe, test } from 'node:test'
import { DEMO_TEXT, type Demo, type DemoPerson, endDemos, ROOT, startDemo, temporaryFolder, until } from './demo.ts'
import { byImap, countOf } from './mailbox.ts'
import { run } from './programs.ts'
import { Smtp, Vanished } from './smtp.ts'

const MAX_BYTES = 100_000

let demo: Demo
let anna: DemoPerson
let bob: DemoPerson
before(async () => {
  const file = join(temporaryFolder(), 'small.borderpost')
  const small = DEMO_TEXT.replace('ip=127.0.10.1', 'ip=127.0.10.1, max-size=100000').replace(
    'ip=127.0.20.1',
    'ip=127.0.20.1, max-size=100000',
  )
  writeFileSync(file, small)
  demo = await startDemo({ file })
  anna = demo.person('anna')
  bob = demo.person('bob')
})
after(endDemos)

const letter = (subject: string, body = 'Hello.\r\n') =>
  Buffer.from(`From: ${anna.address}\r\nTo: ${bob.address}\r\nSubject: ${subject}\r\n\r\n${body}`)

const arrived = (subject: string, at = bob) =>
  until(`"${subject}" in the inbox`, async () => {
    const found = (await byImap(at)).filter((source) => source.includes(`Subject: ${subject}\r\n`))
    assert.ok(found.length <= 1, `${subject} came ${found.length} times`)
    return found[0]
  })

/** The two doors a message can come in by: signed in at the MSA, and a stranger at the Receiver. */
const DOORS: readonly [name: string, open: () => Promise<Smtp>][] = [
  ['MSA', () => Smtp.signedIn(anna)],
  [
    'Receiver',
    async () => {
      const { smtp } = await Smtp.open(demo.receiver('recipient'))
      await smtp.expect(250, 'EHLO stranger.test')
      return smtp
    },
  ],
]
const fromOf = (door: string) => (door === 'MSA' ? anna.address : 'stranger@else.test')

for (const [door, open] of DOORS)
  describe(`at the ${door}`, () => {
    test('a message too large is refused: 552 at MAIL when it says so, 552 after its end when not', async () => {
      const smtp = await open()
      const from = fromOf(door)
      assert.match((await smtp.expect(250, 'EHLO client.test')).text, new RegExp(`^250-SIZE ${MAX_BYTES}\r?$`, 'm'))
      const declared = await smtp.say(`MAIL FROM:<${from}> SIZE=${MAX_BYTES + 1}`)
      assert.match(declared.text, /^552 5\.3\.4 /)
      const large = Buffer.from(`Subject: large\r\n\r\n${`${'x'.repeat(98)}\r\n`.repeat(5000)}`)
      await smtp.expect(250, `MAIL FROM:<${from}>`)
      await smtp.expect(250, `RCPT TO:<${bob.address}>`)
      await smtp.expect(354, 'DATA')
      smtp.write(large)
      assert.match((await smtp.say('.')).text, /^552 5\.3\.4 /)
      // The session goes on.
      const subject = `after the large one at the ${door}`
      const source = Buffer.from(letter(subject).toString().replace(anna.address, from))
      assert.match((await smtp.send(from, [bob.address], source)).text, /^250 /)
      await smtp.quit()
      await arrived(subject)
    })

    test('nonsense is answered 500, 501 or 503, and too much of it ends the session', async () => {
      const smtp = await open()
      const replies: [said: string, expected: RegExp][] = [
        ['FROBNICATE', /^500 5\.5\.1 /],
        ['', /^500 /],
        ['MAIL FROM anna', /^501 5\.5\.4 /],
        ['MAIL FROM:<two words@x.test>', /^501 /],
        ['MAIL FROM:<a@b.test> SIZE=many', /^501 /],
        ['MAIL FROM:<a@b.test> BEAM=up', /^555 5\.5\.4 /],
        ['RCPT TO:<bob@recipient.test>', /^503 5\.5\.1 /],
        ['DATA', /^503 5\.5\.1 /],
        [`NOOP ${'x'.repeat(5000)}`, /^500 5\.5\.6 /],
        ['NOOP\0', /^500 5\.5\.2 /],
        ['NOOP\rNOOP', /^500 5\.5\.2 /],
        ['NOOP\nNOOP', /^500 5\.5\.2 /],
        ['NOOP', /^250 2\.0\.0 /],
      ]
      for (const [said, expected] of replies) assert.match((await smtp.say(said)).text, expected, JSON.stringify(said))
      await assert.rejects(async () => {
        for (let i = 0; i < 100; i++) await smtp.say('FROBNICATE')
      }, Vanished)
    })

    test('a client that vanishes inside DATA leaves nothing', async () => {
      const subject = `never finished at the ${door}`
      const before = await countOf(bob)
      for (const end of ['half a line', 'a line\r\n', 'a line\r\n.', 'a line\r\n.\r']) {
        const smtp = await open()
        await smtp.expect(250, `MAIL FROM:<${fromOf(door)}>`)
        await smtp.expect(250, `RCPT TO:<${bob.address}>`)
        await smtp.expect(354, 'DATA')
        smtp.write(`Subject: ${subject}\r\n\r\n${end}`)
        await new Promise((resolve) => setTimeout(resolve, 50))
        smtp.vanish()
      }
      const smtp = await open()
      const after = `after the vanished at the ${door}`
      const source = Buffer.from(letter(after).toString().replace(anna.address, fromOf(door)))
      assert.match((await smtp.send(fromOf(door), [bob.address], source)).text, /^250 /)
      await smtp.quit()
      await arrived(after)
      assert.equal(await countOf(bob), before + 1)
      assert.ok(!(await byImap(bob)).some((one) => one.includes(subject)))
    })
  })

test('a web browser that is made to speak to the Receiver hears nothing useful and is hung up on', async () => {
  const { smtp } = await Smtp.open(demo.receiver('recipient'))
  await assert.rejects(async () => {
    for (const line of ['POST / HTTP/1.1', 'Host: x', '', 'EHLO x', 'MAIL FROM:<a@b.test>']) {
      const { code } = await smtp.say(line)
      assert.ok(code >= 400, `${line} was answered ${code}`)
    }
  }, Vanished)
})

test('ports that are taken: the next is used, and it says so', async () => {
  const taken: Server[] = []
  const listens = (port: number, host: string) =>
    new Promise<boolean>((resolve) => {
      const server = createServer((socket) => socket.destroy())
      server.on('error', () => resolve(false))
      server.listen(port, host, () => {
        taken.push(server)
        resolve(true)
      })
    })
  /** Ours to the end: a demo of another test that has it now may end at any moment. */
  const take = async (what: string, port: number, host: string) => {
    const isOfOurDemo = !demo.said().includes(`${what} is taken`)
    if (!isOfOurDemo) await until(what, async () => (await listens(port, host)) || undefined, 300_000)
  }
  await take('SMTP port 2525', 2525, '127.0.30.1')
  await take('web port 8080', 8080, '127.0.0.1')
  await take('imap port 2143 of recipient', 2143, '127.0.20.1')
  try {
    const [one, two] = await Promise.all([startDemo(), startDemo()])
    for (const { ready, said } of [one, two]) {
      assert.match(said(), /^note: SMTP port 2525 is taken, using \d+$/m)
      assert.match(said(), /^note: web port 8080 is taken, using \d+$/m)
      assert.match(said(), /^note: imap port 2143 of recipient is taken, using \d+$/m)
      const smtpPorts = ready.agents.flatMap(({ smtp }) => (smtp === undefined ? [] : [smtp.port]))
      assert.equal(new Set(smtpPorts).size, 1, 'all Receivers on one port')
      assert.ok(!smtpPorts.includes(2525))
    }
    const doors = ({ ready }: Demo) =>
      new Set([ready.web, ...ready.agents.map(({ smtp }) => `${smtp?.host}:${smtp?.port}`)])
    assert.deepEqual(doors(one).intersection(doors(two)), new Set(['undefined:undefined']))
    // Both work, each for itself.
    for (const demo of [one, two]) {
      const smtp = await Smtp.signedIn(demo.person('anna'))
      assert.match((await smtp.send(anna.address, [bob.address], letter(`in ${demo.folder}`))).text, /^250 /)
      await smtp.quit()
      await arrived(`in ${demo.folder}`, demo.person('bob'))
    }
    assert.deepEqual(
      (await Promise.all([one.stop(), two.stop()])).map(({ code }) => code),
      [0, 0],
    )
  } finally {
    for (const server of taken) server.close()
  }
})

test('a folder that another demo uses is refused with the reason', async () => {
  const ran = await run(process.execPath, [
    join(ROOT, 'bin', 'borderpost.js'),
    'demo',
    '--json',
    '--folder',
    demo.folder,
  ])
  assert.equal(ran.code, 4, ran.output)
  assert.match(ran.output, new RegExp(`^The demo cannot start: .*process ${demo.process.pid}`, 'm'))
})

test('a description with mistakes: exit code 3, the place, the line, a caret and a remedy', async () => {
  const folder = temporaryFolder()
  const file = join(folder, 'broken.borderpost')
  writeFileSync(file, DEMO_TEXT.replace('trusts=old', 'trsts=old').replace('Receiver/Forwarder', 'Receiver/Forwardr'))
  const ran = await run(process.execPath, [
    join(ROOT, 'bin', 'borderpost.js'),
    'demo',
    file,
    '--folder',
    join(folder, 'x'),
  ])
  assert.equal(ran.code, 3, ran.output)
  const lines = DEMO_TEXT.split('\n')
  for (const [wrong, right, text] of [
    ['trsts', 'trusts', 'trusts=old'],
    ['Forwardr', 'Forwarder', 'Receiver/Forwarder'],
  ] as const) {
    const line = lines.findIndex((one) => one.includes(text))
    const column = lines[line]!.indexOf(text === 'trusts=old' ? text : 'Forwarder') + 1
    assert.match(ran.output, new RegExp(`${file}:${line + 1}:${column}: error`), wrong)
    assert.match(
      ran.output,
      new RegExp(`^ *\\d* *\\|? *.*${wrong}.*\\n.*\\^`, 'm'),
      `${wrong}: the line and a caret under it`,
    )
    assert.match(ran.output, new RegExp(`\\b${right}\\b`), 'and what was meant')
  }
  const absent = await run(process.execPath, [join(ROOT, 'bin', 'borderpost.js'), 'demo', join(folder, 'absent')])
  assert.equal(absent.code, 2)
  assert.match(absent.output, /there is no such file/)
})

test('a full disk: 452 at the dot, the service stays up, nothing that was acknowledged is lost', async (t) => {
  const mount = join(temporaryFolder(), 'small')
  mkdirSync(mount)
  if (spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=24m', 'tmpfs', mount]).status !== 0)
    return t.skip('needs the right to mount a tmpfs')
  let small: Demo | undefined
  try {
    const service = await startDemo({ folder: join(mount, 'demo') })
    small = service
    const reader = service.person('bob')
    const acknowledged: string[] = []
    const body = `${'0123456789'.repeat(9)}\r\n`.repeat(300)
    /** Sends until it is refused; the refusal. */
    const fill = async (open: () => Promise<Smtp>, from: string, name: string) => {
      const smtp = await open()
      for (let n = 0; n < 3000; n++) {
        const subject = `${name} ${n}`
        const source = Buffer.from(letter(subject, body).toString().replace(anna.address, from))
        const reply = await smtp.send(from, [reader.address], source)
        if (reply.code === 250) acknowledged.push(subject)
        else {
          await smtp.quit()
          return reply.text
        }
      }
      return 'never'
    }
    const stranger = async () => {
      const { smtp } = await Smtp.open(service.receiver('recipient'))
      await smtp.expect(250, 'EHLO stranger.test')
      return smtp
    }
    const signedIn = () => Smtp.signedIn(service.person('anna'))
    const ballast = join(mount, 'ballast')
    writeFileSync(ballast, Buffer.alloc(8 * 1024 * 1024))
    assert.match(await fill(stranger, 'stranger@else.test', 'direct'), /^452 4\.3\.1 /)
    assert.match(await fill(signedIn, anna.address, 'submitted'), /^452 4\.3\.1 /)
    assert.match(await fill(stranger, 'stranger@else.test', 'again'), /^452 4\.3\.1 /)
    assert.equal(service.process.exitCode, null, service.said())
    // Readers are served all the while.
    assert.ok((await countOf(reader)) > 0)
    rmSync(ballast)
    const taken = acknowledged.length
    assert.ok(taken > 20, `${taken} were taken before the disk was full`)
    for (const [open, from, subject] of [
      [stranger, 'stranger@else.test', 'direct, with space'],
      [signedIn, anna.address, 'submitted, with space'],
    ] as const) {
      const smtp = await open()
      await until(`space for "${subject}"`, async () => {
        const reply = await smtp.send(
          from,
          [reader.address],
          Buffer.from(letter(subject).toString().replace(anna.address, from)),
        )
        return reply.code === 250 ? true : undefined
      })
      acknowledged.push(subject)
      await smtp.quit()
    }
    const everything = async () => {
      const subjects = (await byImap(reader)).map((source) => /^Subject: (.*)\r$/m.exec(source.toString('latin1'))![1]!)
      return acknowledged.every((subject) => subjects.includes(subject)) ? subjects : undefined
    }
    const subjects = await until('all that was acknowledged', everything, 40_000)
    for (const subject of acknowledged)
      assert.equal(subjects.filter((one) => one === subject).length, 1, `${subject}: once`)
    t.diagnostic(`${taken} taken before the disk was full; all of them are there`)
    assert.equal((await service.stop()).code, 0, service.said())
  } finally {
    await small?.kill()
    spawnSync('umount', ['-l', mount])
  }
})
