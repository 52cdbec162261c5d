import assert from 'node:assert/strict'
import { test } from 'node:test'
import { done, makeAccount, nowMs } from './testing.ts'
import { onBothEngines } from './testing-engines.ts'
import { checkStore } from './upkeep/check.ts'
import type { KeptStore } from './view.ts'

function inStore(work: (store: KeptStore, bob: number) => Promise<void>) {
  return onBothEngines(async (store) => {
    await work(store, await makeAccount(store))
    assert.deepEqual(await checkStore(store), [])
  })
}

const atMost = { scripts: 2, bytes: 30 }
const put = async (store: KeptStore, account: number, name: string, text: string, id?: number) => {
  const blob = await store.putBlob([Buffer.from(text)])
  const [result] = await store.commit([
    { kind: 'script.put', account, name, blob, atMost, ...(id === undefined ? {} : { id }) },
  ])
  return result!
}
const names = (store: KeptStore, account: number) =>
  store.scripts(account).map(({ name, isActive }) => name + (isActive ? '*' : ''))

test(
  'scripts: kept, replaced, renamed, one active, removed; their bodies are counted',
  inStore(async (store, bob) => {
    const eve = await makeAccount(store, 'eve@here.test')
    assert.deepEqual(names(store, bob), [])
    const first = await put(store, bob, 'one', 'keep;')
    assert.ok(first.ok)
    const before = store.modseq(bob)
    assert.deepEqual(await put(store, bob, 'one', 'stop;'), { ok: true, id: first.id, modseq: before + 1 })
    const text = await store.readBlob(store.scripts(bob)[0]!.blob)
    assert.equal(text?.toString(), 'stop;')
    const second = await put(store, bob, 'two', 'keep;')
    assert.ok(second.ok)
    await done(store, { kind: 'script.activate', account: bob, id: first.id! })
    await done(store, { kind: 'script.activate', account: bob, id: second.id! })
    assert.deepEqual(names(store, bob), ['one', 'two*'])
    const [refusal] = await store.commit([{ kind: 'script.remove', account: bob, id: second.id! }])
    assert.equal(refusal?.ok === false && refusal.reason, 'forbidden')
    const [taken] = await store.commit([{ kind: 'script.rename', account: bob, id: second.id!, name: 'one' }])
    assert.equal(taken?.ok === false && taken.reason, 'exists')
    await done(store, { kind: 'script.rename', account: bob, id: second.id!, name: 'three' })
    await done(store, { kind: 'script.remove', account: bob, id: first.id! })
    assert.deepEqual(names(store, bob), ['three*'])
    await done(store, { kind: 'script.activate', account: bob, id: null })
    assert.deepEqual(names(store, bob), ['three'])
    const [foreign] = await store.commit([{ kind: 'script.activate', account: eve, id: second.id! }])
    assert.equal(foreign?.ok, false)
    const changed = await put(store, bob, 'four', 'discard;', second.id)
    assert.ok(changed.ok)
    assert.deepEqual(names(store, bob), ['four'])
  }),
)

test(
  'scripts: too many, and too large in all, are refused; what is replaced does not count',
  inStore(async (store, bob) => {
    const refusal = async (name: string, text: string) => {
      const result = await put(store, bob, name, text)
      return result.ok ? 'kept' : result.reason
    }
    assert.equal(await refusal('one', '#'.repeat(20)), 'kept')
    assert.equal(await refusal('two', '#'.repeat(11)), 'over-quota')
    assert.equal(await refusal('one', '#'.repeat(30)), 'kept')
    assert.equal(await refusal('one', '#'), 'kept')
    assert.equal(await refusal('two', '#'), 'kept')
    assert.equal(await refusal('three', '#'), 'over-quota')
  }),
)

test(
  'the answer while away, and what was seen until its end',
  inStore(async (store, bob) => {
    assert.equal(store.vacation(bob), undefined)
    const response = { isEnabled: true, fromMs: null, toMs: 5, subject: 'away', textBody: 'later', htmlBody: null }
    await done(store, { kind: 'vacation.put', account: bob, response })
    assert.deepEqual(store.vacation(bob), response)
    const [key, other] = ['ab'.repeat(32), 'cd'.repeat(32)] as const
    assert.equal(store.isSeen(bob, key, nowMs), false)
    await done(store, { kind: 'seen.put', account: bob, key, nowMs, expiresAtMs: nowMs + 100 })
    await done(store, { kind: 'seen.put', account: bob, key: other, nowMs, expiresAtMs: nowMs + 50 })
    assert.deepEqual([store.isSeen(bob, key, nowMs + 99), store.isSeen(bob, key, nowMs + 100)], [true, false])
    assert.equal(store.isSeen(bob, other, nowMs + 49), true)
    assert.equal(store.isSeen(99, key, nowMs), false)
  }),
)
