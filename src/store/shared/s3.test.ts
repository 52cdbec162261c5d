// Bodies in S3: over a real service (Ceph), which ends and starts under load; and over a small double, which can refuse
// and damage as a real one does not when it is asked to.

import assert from 'node:assert/strict'
import { after, before } from 'node:test'
import { DiskError } from '../../world/disk.ts'
import { RealS3 } from '../../world/real/s3.ts'
import { type TestCeph, testCeph } from '../../world/testing/ceph.ts'
import { type TestS3, testS3 } from '../../world/testing/s3.ts'
import { deliver, delivery, done, makeAccount } from '../testing.ts'
import { checkStore } from '../upkeep/check.ts'
import type { SharedStore } from './store.ts'
import { keys, newNode, postgres, sameEverywhere, sharedTest } from './testing.ts'
import { tidyShared } from './tidy.ts'

let ceph: TestCeph | undefined
before(async () => {
  ceph = await testCeph(keys)
})
after(() => ceph?.end())

/** The services over which the same is tested. */
interface Service {
  readonly url: string
  list(): string[]
}

const SERVICES: Readonly<Record<string, () => Promise<(Service & { end(): Promise<void> }) | undefined>>> = {
  'a double': async () => {
    const { url, objects, end } = await testS3(keys)
    return { url, list: () => [...objects.keys()], end }
  },
  Ceph: async () => ceph && { ...ceph, end: async () => {} },
}

for (const [name, begin] of Object.entries(SERVICES)) {
  sharedTest(`bodies in S3 (${name}): each once, for all nodes, and gone when nobody names them`, async (open, t) => {
    const s3 = await begin()
    if (s3 === undefined) return t.skip('needs Ceph (Debian: radosgw, ceph-mon, ceph-osd)')
    const before = s3.list().length
    const count = () => s3.list().length - before
    const world = newNode()
    const [one, two] = [await open(world, s3.url), await open(newNode(), s3.url)]
    try {
      const bob = await makeAccount(one)
      await two.follow()
      const large = 'x'.repeat(20_000_000)
      const made = await deliver(one, bob, large)
      await two.follow()
      assert.equal(String(await two.readBlob(two.email(bob, made.emailId!)!.blob)), large)
      // Both at once.
      await Promise.all([one, two].flatMap((store) => [1, 2, 3].map((n) => deliver(store, bob, `same ${n}`))))
      assert.equal(count(), 4)
      await sameEverywhere([one, two])
      await done(one, { kind: 'email.destroy', account: bob, email: made.emailId! })
      const db = world.postgres(postgres!.url)
      await db.query("UPDATE borderpost_body SET touched = now() - interval '2 days'")
      await tidyShared(one, world.disk)
      assert.equal(count(), 3)
      await deliver(two, bob, large)
      assert.equal(count(), 4)
      await db.close()
      const direct = new RealS3(s3.url, keys)
      const same = await two.putBlob([Buffer.from('same 1')])
      const key = s3.list().find((one) => one.includes(same.hash))!
      await direct.put(key, Buffer.from('Same 1'))
      const three = await open(newNode(), s3.url)
      await three.follow()
      assert.match((await checkStore(three)).join(), /is damaged/)
      await direct.remove(key)
      await direct.remove(key)
      assert.match((await checkStore(three)).join(), /is missing/)
      await direct.put(key, Buffer.from('same 1'))
      assert.deepEqual(await checkStore(three), [])
      const unknown = await open(newNode(), s3.url.replace('/mail', '/other'))
      await assert.rejects(unknown.putBlob([Buffer.from('nowhere')]), /404 NoSuchBucket/)
      const strange = new RealS3(s3.url, { ...keys, secretKey: 'another' })
      await assert.rejects(strange.put('key', Buffer.from('not ours')), /403 SignatureDoesNotMatch/)
    } finally {
      await s3.end()
    }
  })
}

sharedTest(
  'Ceph ends and starts under load: what was acknowledged is there, what could not be was refused',
  async (open, t) => {
    if (ceph === undefined) return t.skip('needs Ceph (Debian: radosgw, ceph-mon, ceph-osd)')
    const one = await open(newNode(500), ceph.url)
    const bob = await makeAccount(one)
    const acknowledged: string[] = []
    let [refused, count, isOver] = [0, 0, false]
    const worker = async (store: SharedStore) => {
      while (!isOver) {
        const text = `under load ${++count}`
        try {
          await store.commit([await delivery(store, bob, text)])
          acknowledged.push(text)
        } catch (error) {
          if (!(error instanceof DiskError)) throw error
          refused++
        }
      }
    }
    const load = Promise.all([worker(one), worker(one), worker(one)])
    const until = async (isSo: () => boolean) => {
      while (!isSo()) await new Promise((resolve) => setTimeout(resolve, 20))
    }
    for (let round = 0; round < 2; round++) {
      const [accepted, before] = [acknowledged.length, refused]
      await until(() => acknowledged.length >= accepted + 20)
      await ceph.kill()
      await until(() => refused > before)
      await ceph.start()
    }
    const accepted = acknowledged.length
    await until(() => acknowledged.length >= accepted + 20)
    isOver = true
    await load
    const other = await open(newNode(), ceph.url)
    await sameEverywhere([one, other])
    const found: string[] = []
    for (const email of other.emails(bob, other.listEmails(bob, {}, 'oldest'))) {
      found.push(String(await other.readBlob(email.blob)))
    }
    assert.deepEqual(found.sort(), [...acknowledged].sort())
  },
)

async function withDouble(work: (s3: TestS3) => Promise<void>): Promise<void> {
  const s3 = await testS3(keys)
  try {
    await work(s3)
  } finally {
    await s3.end()
  }
}

sharedTest('S3 that is away, or refuses: mail is refused meanwhile, and nothing is half there', (open) =>
  withDouble(async (s3) => {
    const one = await open(newNode(300), s3.url)
    const bob = await makeAccount(one)
    await deliver(one, bob, 'before')
    for (const trouble of ['silence', 503, 403, 500] as const) {
      s3.trouble = trouble
      await assert.rejects(deliver(one, bob, `while ${trouble}`), { name: 'DiskError', code: 'failed', message: /S3/ })
      s3.trouble = undefined
      await deliver(one, bob, `while ${trouble}`)
    }
    assert.equal(one.mailboxByUse(bob, 'inbox')?.total, 5)
    assert.deepEqual(await checkStore(one), [])
    assert.equal(s3.objects.size, 5)
  }),
)

sharedTest('S3 that says "slow down", or breaks off, is asked again; one that refuses is not', (open) =>
  withDouble(async (s3) => {
    const one = await open(newNode(), s3.url)
    const bob = await makeAccount(one)
    for (const trouble of [503, 429, 'silence'] as const) {
      s3.trouble = trouble
      s3.troubled = 0
      const delivered = deliver(one, bob, `while ${trouble}`)
      while (s3.troubled < 3) await new Promise((resolve) => setTimeout(resolve, 5))
      s3.trouble = undefined
      await delivered
    }
    const other = await open(newNode(), s3.url)
    await other.follow()
    s3.trouble = 503
    s3.troubled = 0
    const checked = checkStore(other)
    while (s3.troubled < 2) await new Promise((resolve) => setTimeout(resolve, 5))
    s3.trouble = undefined
    assert.deepEqual(await checked, [])
    s3.trouble = 403
    s3.troubled = 0
    await assert.rejects(deliver(one, bob, 'refused'), /403/)
    assert.equal(s3.troubled, 1)
  }),
)

sharedTest('what a node has read from S3 it reads from its own disk, until nobody names it', (open) =>
  withDouble(async (s3) => {
    const [one, node] = [await open(newNode(300), s3.url), newNode(300)]
    const two = await open(node, s3.url)
    const bob = await makeAccount(one)
    const { emailId } = await deliver(one, bob, 'read before')
    await two.follow()
    const { blob } = two.email(bob, emailId!)!
    await two.readBlob(blob)
    await two.close()
    s3.trouble = 'silence'
    const again = await open(node, s3.url)
    assert.equal(String(await again.readBlob(blob)), 'read before')
    const other = await open(newNode(300), s3.url)
    await other.follow()
    await assert.rejects(other.readBlob(blob), /S3/)
    s3.trouble = undefined
    const path = `store/cache/${blob.hash.slice(0, 2)}`
    assert.equal((await node.disk.list(path)).length, 1)
    await done(one, { kind: 'email.destroy', account: bob, email: emailId! })
    await tidyShared(one, node.disk)
    await again.follow()
    await again.close()
    assert.deepEqual(await node.disk.list(path), [])
  }),
)
