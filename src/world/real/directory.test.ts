// The directory over real sockets: Debian's slapd, and a server that plays false.

import assert from 'node:assert/strict'
import { createServer, type Socket } from 'node:net'
import { after, describe, test } from 'node:test'
import { DirectoryError, type DirectoryPlace } from '../directory.ts'
import { READER, READER_PASSWORD, SUFFIX, type TestSlapd, testSlapd } from '../testing/slapd.ts'
import { RealDirectory } from './directory.ts'

const BASE = `ou=people,${SUFFIX}`
const BOB = `uid=bob,${BASE}`
const PEOPLE = `
dn: ${BOB}
objectClass: inetOrgPerson
uid: bob
cn: Bob Recipient
sn: Recipient
mail: bob@recipient.test
userPassword: secret

dn: uid=odd,${BASE}
objectClass: inetOrgPerson
uid: odd
cn: Odd (one) *
sn: One
mail: odd*(one)\\here@recipient.test
userPassword: other

dn: uid=none,${BASE}
objectClass: inetOrgPerson
uid: none
cn: Without a password
sn: None
mail: none@recipient.test
`

const slapd = await testSlapd(PEOPLE)

describe('a directory', { skip: slapd === undefined ? 'no slapd here' : false }, () => {
  const server = slapd as TestSlapd
  const directories: RealDirectory[] = []
  const open = (more: Partial<DirectoryPlace> = {}, patienceMs?: number) => {
    const directory = new RealDirectory(
      {
        host: 'localhost',
        port: server.securePort,
        security: 'tls',
        trusted: [server.certificate],
        reader: { dn: READER, password: READER_PASSWORD },
        ...more,
      },
      patienceMs,
    )
    directories.push(directory)
    return directory
  }
  const starttls = () => open({ port: server.port, security: 'starttls' })
  after(async () => {
    for (const one of directories) one.close()
    await server.end()
  })
  const find = (directory: RealDirectory, filter: string) =>
    directory.search({ base: BASE, filter, attributes: ['mail', 'cn'], atMost: 2 })

  for (const [how, make] of [
    ['TLS from the start', open],
    ['STARTTLS', starttls],
  ] as const)
    test(`${how}: a bind proves a password, and a search finds who it is`, async () => {
      const directory = make()
      assert.equal(await directory.isPassword(BOB, 'secret'), true)
      assert.equal(await directory.isPassword(BOB, 'wrong'), false)
      // A server says yes to a bind without a password: it is nobody's then.
      assert.equal(await directory.isPassword(BOB, ''), false)
      assert.equal(await directory.isPassword('', ''), false)
      assert.equal(await directory.isPassword(`uid=nobody,${BASE}`, 'secret'), false)
      assert.equal(await directory.isPassword(`uid=none,${BASE}`, 'secret'), false)
      const [bob] = await find(directory, '(mail=bob@recipient.test)')
      assert.equal(bob!.dn, BOB)
      assert.deepEqual(Object.fromEntries(bob!.attributes), { mail: ['bob@recipient.test'], cn: ['Bob Recipient'] })
      assert.equal((await find(directory, '(mail=odd\\2a\\28one\\29\\5chere@recipient.test)')).length, 1)
      assert.deepEqual(await find(directory, '(mail=nobody@recipient.test)'), [])
    })

  test('a certificate that is for another name, or of nobody who is believed: nothing is said to that server', async () => {
    for (const more of [{ host: '127.0.0.1' }, { trusted: [] }, { trusted: undefined as never }]) {
      await assert.rejects(open(more).isPassword(BOB, 'secret'), DirectoryError)
      await assert.rejects(
        open({ ...more, port: server.port, security: 'starttls' }).isPassword(BOB, 'secret'),
        DirectoryError,
      )
    }
  })

  test('a reader with a wrong password: the search fails, and does not find "nobody"', async () => {
    await assert.rejects(find(open({ reader: { dn: READER, password: 'wrong' } }), '(uid=bob)'), DirectoryError)
  })

  test('a hundred at once share few connections', async () => {
    const directory = open()
    const answers = await Promise.all(
      Array.from({ length: 100 }, (_, n) => directory.isPassword(BOB, n % 2 === 0 ? 'secret' : 'wrong')),
    )
    assert.deepEqual(
      answers,
      answers.map((_, n) => n % 2 === 0),
    )
  })

  test('a server that went away is unknown, and is asked again once it is back', async () => {
    const [directory, other] = [open(), starttls()]
    assert.equal(await directory.isPassword(BOB, 'secret'), true)
    assert.equal((await find(directory, '(uid=bob)')).length, 1)
    assert.equal(await other.isPassword(BOB, 'secret'), true)
    await server.kill()
    for (const one of [directory, other]) {
      await assert.rejects(one.isPassword(BOB, 'secret'), DirectoryError)
      await assert.rejects(one.isPassword(BOB, 'wrong'), DirectoryError)
      await assert.rejects(find(one, '(uid=bob)'), DirectoryError)
    }
    await server.start()
    assert.equal(await directory.isPassword(BOB, 'secret'), true)
    assert.equal((await find(directory, '(uid=bob)')).length, 1)
    assert.equal(await other.isPassword(BOB, 'wrong'), false)
    // Connections that were kept and ended meanwhile are not "no".
    await server.kill()
    await server.start()
    assert.equal(await directory.isPassword(BOB, 'secret'), true)
    assert.equal((await find(directory, '(uid=bob)')).length, 1)
  })

  test('a server that is silent is unknown in time, and those who wait behind it too', async () => {
    const directory = open({}, 500)
    assert.equal(await directory.isPassword(BOB, 'secret'), true)
    await server.pause()
    try {
      const asked = Array.from({ length: 20 }, () => directory.isPassword(BOB, 'secret'))
      for (const one of await Promise.allSettled(asked)) assert.equal(one.status, 'rejected')
    } finally {
      server.resume()
    }
    assert.equal(await directory.isPassword(BOB, 'secret'), true)
  })
})

/** Answers the wish for TLS with these bytes; gives what it heard after that. */
async function falseServer(
  t: import('node:test').TestContext,
  answer: Buffer,
): Promise<{ port: number; heard: Buffer[] }> {
  const heard: Buffer[] = []
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => {})
    socket.once('data', () => {
      socket.write(answer)
      socket.on('data', (bytes: Buffer) => heard.push(bytes))
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  t.after(() => {
    for (const socket of sockets) socket.destroy()
    server.close()
  })
  return { port: (server.address() as { port: number }).port, heard }
}

const STARTED = Buffer.from('300c02010178070a010004000400', 'hex')

test('STARTTLS refused, mangled, or with something slipped in behind it: no password is said', async (t) => {
  const refused = Buffer.from('300c02010178070a010204000400', 'hex')
  const bindSuccess = Buffer.from('300c02010261070a010004000400', 'hex')
  for (const [what, reason, answer] of [
    ['refused', /does not start TLS/, refused],
    ['rubbish', /no LDAP server/, Buffer.from('220 smtp.example ready\r\n')],
    ['a bind that "went well" slipped in', /slipped in/, Buffer.concat([STARTED, bindSuccess])],
    ['half of one', /slipped in/, Buffer.concat([STARTED, bindSuccess.subarray(0, -1)])],
    [
      'endless',
      /no LDAP server/,
      Buffer.concat([Buffer.from([0x30, 0x84, 0x7f, 0xff, 0xff, 0xff]), Buffer.alloc(2000)]),
    ],
  ] as const) {
    const { port, heard } = await falseServer(t, answer)
    const directory = new RealDirectory({ host: '127.0.0.1', port, security: 'starttls' })
    await assert.rejects(
      directory.isPassword('uid=bob', 'top secret'),
      { name: 'DirectoryError', message: reason },
      what,
    )
    directory.close()
    assert.ok(!Buffer.concat(heard).includes('top secret'), what)
  }
})
