import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UNDELETE } from '../../store/nouns/mail.ts'
import { sessionObject } from './session.ts'
import { atDesk } from './testing.ts'
import { DELETED } from './types.ts'

test('what was destroyed is shown, comes back under a new id, or goes for good', () =>
  atDesk(async (desk) => {
    const { store } = desk.backend
    await store.commit([{ kind: 'setting.put', key: UNDELETE, value: 'yes' }])
    const [one, two] = [
      await desk.deliver('Subject: one\nFrom: Alice <a@b.test>\n\nhi'),
      await desk.deliver('Subject: two\n\nhi'),
    ]
    const { newState } = await desk.one('Email/set', { destroy: [one, two] })
    const { list } = await desk.one('DeletedEmail/get')
    assert.deepEqual(
      list
        .map(({ id, subject, mailboxName, from }: Record<string, unknown>) => [id, subject, mailboxName, from])
        .sort(),
      [
        [one, 'one', 'INBOX', [{ name: 'Alice', email: 'a@b.test' }]],
        [two, 'two', 'INBOX', []],
      ].sort(),
    )
    const { restored, notRestored } = await desk.one('DeletedEmail/restore', { ids: [one, 'e999', 'x'] })
    assert.deepEqual(Object.keys(notRestored), ['e999', 'x'])
    assert.equal(notRestored.x.type, 'notFound')
    const { created } = await desk.one('Email/changes', { sinceState: newState })
    assert.deepEqual(created, [restored[one].id])
    const { destroyed } = await desk.one('DeletedEmail/destroy', { ids: [two] })
    assert.deepEqual(destroyed, { [two]: null })
    assert.deepEqual((await desk.one('DeletedEmail/get')).list, [])
    assert.equal((await desk.one('DeletedEmail/restore', {})).type, 'invalidArguments')
    assert.ok(DELETED in (sessionObject(desk.backend, '') as { capabilities: object }).capabilities)
  }))
