// For the tests of the rules: every rule of a family fires on the messages made for it, and on no honest one.

import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Rule, weighWith } from '../rule.ts'
import { type Draft, viewOf } from '../testing.ts'

/** Honest messages of several kinds: a letter, an answer, a newsletter, a list, mail with files. */
export const HONEST: Record<string, Draft> = {
  letter: {},
  answer: {
    fields: { Subject: 'Re: Your offer', 'In-Reply-To': '<1@home.example>', References: '<1@home.example>' },
    text: '> When can you come?\r\n> Greetings\r\n\r\nOn Monday at nine, if that suits you.\r\n',
  },
  newsletter: {
    fields: {
      From: 'Garden Club <news@sender.example>',
      Subject: 'What grows in November',
      'List-Unsubscribe': '<https://sender.example/leave?u=1>',
      'List-Unsubscribe-Post': 'List-Unsubscribe=One-Click',
    },
    text: 'What grows in November: leek, kale and spinach. Read more at https://sender.example/november and tell us what you sow. The club meets on Thursdays in the old school; guests are welcome as always.\r\n',
    html: '<html><body><div style="display:none">What grows in November</div><h1 style="font-size:24px">What grows in November</h1><p>Leek, kale and spinach grow in November. <a href="https://sender.example/november">Read more</a> and tell us what you sow. The club meets on Thursdays in the old school; guests are welcome as always.</p></body></html>',
  },
  file: {
    text: 'Dear Bob,\r\n\r\nthe drawing is attached.\r\n\r\nAlice\r\n',
    files: [{ name: 'drawing.png', type: 'image/png', bytes: Buffer.from('89504e470d0a1a0a0000000d49484452', 'hex') }],
  },
  abroad: {
    fields: {
      From: '=?utf-8?q?J=C3=BCrg_M=C3=BCller?= <juerg@sender.example>',
      Subject: '=?utf-8?q?Gr=C3=BC=C3=9Fe_aus_=CE=91=CE=B8=CE=AE=CE=BD=CE=B1?=',
    },
    text: 'Liebe Grüße aus Αθήνα und Москва, bis bald!\r\n',
  },
}

/** Rows: the id of a rule, and a draft on which it must fire. */
export type Row = readonly [id: string, draft: Draft]

export function expectRules(rules: readonly Rule[], rows: readonly Row[]): void {
  for (const rule of rules) {
    test(`${rule.id}: ${rule.explanation}`, () => {
      const drafts = rows.filter(([id]) => id === rule.id).map(([, draft]) => draft)
      assert.notEqual(drafts.length, 0, 'no message was made for this rule')
      for (const draft of drafts) {
        const { hits } = weighWith([rule], viewOf(draft))
        assert.equal(hits.length, 1, `does not fire: ${JSON.stringify(draft).slice(0, 300)}`)
      }
      if (rule.points < 0) return
      for (const [name, draft] of Object.entries(HONEST)) {
        assert.deepEqual(weighWith([rule], viewOf(draft)).hits, [], `fires on the honest ${name}`)
      }
    })
  }
  test('every message was made for a rule of this family', () => {
    const ids = new Set(rules.map(({ id }) => id))
    assert.deepEqual(
      rows.filter(([id]) => !ids.has(id)).map(([id]) => id),
      [],
    )
  })
}
