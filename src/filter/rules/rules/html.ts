// What is done to a formatted text so that the reader sees one thing and a filter another, or so that opening it does
// more than showing it.

import { mixedScriptWord } from '../confusables.ts'
import type { Rule } from '../rule.ts'
import type { MailView } from '../view.ts'

/** Characters that are no white space, counted up to a number beyond which nobody asks. */
function letters(text: string, most: number): number {
  let count = 0
  for (let i = 0; i < text.length && count < most; i++) {
    const code = text.charCodeAt(i)
    if (code > 32 && code !== 0xa0) count++
  }
  return count
}
const seenLetters = (mail: MailView): number => letters(mail.html.text, 1000)
const INVISIBLE = /[\u00ad\u200b\u2060-\u2064\ufeff]|\u034f|\u200d/
const CUT_WORD = /[a-z](?:[\u00ad\u200b\u2060-\u2064\ufeff]|\u034f|\u200d){1,5}[a-z]/gi

/** A preview line for the mail list is hidden in most newsletters: only more than that counts. */
const PREHEADER = 400

export const htmlRules: readonly Rule[] = [
  {
    id: 'html-hidden-text',
    points: 1.5,
    about: 'html',
    explanation: 'More text is hidden in the message than shown.',
    test: ({ html }) =>
      html.hiddenCharacters > PREHEADER &&
      html.hiddenCharacters > letters(html.text, html.hiddenCharacters) &&
      `${html.hiddenCharacters} characters`,
  },
  {
    id: 'html-tiny-text',
    points: 1.5,
    about: 'html',
    explanation: 'Text is written so small that nobody can read it.',
    test: ({ html }) => html.hiddenBy.has('size') && html.hiddenCharacters > PREHEADER,
  },
  {
    id: 'html-text-in-background-colour',
    points: 1.2,
    about: 'html',
    explanation: 'Text is written in the colour of its background, so that only filters read it.',
    test: ({ html }) => html.hiddenBy.has('colour') && html.hiddenCharacters > 20,
  },
  {
    id: 'html-invisible-characters',
    points: 2.2,
    about: 'html',
    explanation: 'Words are cut up with invisible characters so that filters do not recognise them.',
    test: ({ text }) => INVISIBLE.test(text) && (text.slice(0, 50_000).match(CUT_WORD)?.length ?? 0) > 8,
  },
  {
    id: 'html-words-broken',
    points: 2.5,
    about: 'html',
    explanation: 'Words are cut up with comments or made-up marks so that filters do not recognise them.',
    test: ({ html }) => html.brokenWords > 2 && `${html.brokenWords} words`,
  },
  {
    id: 'html-marks-unknown',
    points: 1,
    about: 'html',
    explanation: 'The formatted text is full of marks that do not exist.',
    test: ({ html }) => html.unknownTags > 5 && html.unknownTags > html.tags * 0.1 && `${html.unknownTags} marks`,
  },
  {
    id: 'html-letters-disguised',
    points: 1.5,
    about: 'html',
    explanation: 'Plain letters are written as numbers so that filters do not recognise them.',
    test: ({ html }) => html.disguisedLetters > 40 && `${html.disguisedLetters} letters`,
  },
  {
    id: 'html-only-images',
    points: 1.5,
    about: 'html',
    explanation: 'The message is made of images and says almost nothing in words.',
    test: (mail) =>
      mail.texts.hasHtmlPart &&
      mail.html.images.length > 0 &&
      seenLetters(mail) < 120 &&
      letters(mail.texts.plain, 120) < 120,
  },
  {
    id: 'html-one-large-image-linked',
    points: 1.2,
    about: 'html',
    explanation: 'The message is one large image with a link behind it.',
    test: (mail) =>
      mail.html.images.some(({ width = 0, height = 0 }) => width * height > 90_000) &&
      mail.html.links.some(({ from }) => from === 'link') &&
      seenLetters(mail) < 400,
  },
  {
    id: 'html-image-map',
    points: 0.5,
    about: 'html',
    explanation: 'Links are laid over an image, so that their text cannot be read.',
    test: ({ html }) => html.links.some(({ from }) => from === 'area'),
  },
  {
    id: 'html-tracking-image',
    points: 0.2,
    about: 'html',
    explanation: 'An invisible image tells the sender when the message is opened.',
    test: ({ html }) =>
      html.images.some(
        ({ width, height, src }) =>
          width !== undefined && height !== undefined && width <= 1 && height <= 1 && src.startsWith('http'),
      ),
  },
  {
    id: 'html-script',
    points: 0.8,
    about: 'html',
    explanation: 'The message contains a program that would run when it is opened.',
    test: ({ html }) => html.scripts > 0,
  },
  {
    id: 'html-handlers',
    points: 1,
    about: 'html',
    explanation: 'The message wants to run something when it is opened or touched.',
    test: ({ html }) => html.handlers > 0,
  },
  {
    id: 'html-form',
    points: 0.7,
    about: 'html',
    explanation: 'The message contains a form to fill in.',
    test: ({ html }) => html.forms > 0 && html.inputs > 0,
  },
  {
    id: 'html-password-field',
    points: 3.5,
    about: 'html',
    explanation: 'The message asks for a password in itself.',
    test: ({ html }) => html.passwords > 0,
  },
  {
    id: 'html-frame',
    points: 0.6,
    about: 'html',
    explanation: 'The message loads another page into itself.',
    test: ({ html }) => html.frames > 0,
  },
  {
    id: 'html-object',
    points: 1.5,
    about: 'html',
    explanation: 'The message embeds a program or a foreign object.',
    test: ({ html }) => html.objects > 0,
  },
  {
    id: 'html-refresh',
    points: 2.5,
    about: 'html',
    explanation: 'The message would lead to another page by itself.',
    test: ({ html }) => html.refresh,
  },
  {
    id: 'html-base',
    points: 1,
    about: 'html',
    explanation: 'All links of the message are turned to another site by one hidden line.',
    test: ({ html }) =>
      html.base !== undefined &&
      /^https?:/i.test(html.base) &&
      html.links.some(({ href }) => !/^[a-z]+:/i.test(href)) &&
      html.base,
  },
  {
    id: 'html-huge-letters',
    points: 1,
    about: 'html',
    explanation: 'The message shouts in very large letters.',
    test: ({ html }) => html.largestFontPx >= 36 && `${html.largestFontPx} pixels`,
  },
  {
    id: 'html-mixed-alphabets',
    points: 2.2,
    about: 'html',
    explanation: 'Words of the text mix letters of different alphabets that look alike.',
    test: ({ text }) => mixedScriptWord(text.slice(0, 50_000)),
  },
  {
    id: 'html-turned-text',
    points: 1.2,
    about: 'html',
    explanation: 'The text contains characters that turn the direction of reading of Latin words.',
    test: ({ text }) => /\u202e[\x20-\x7e]{3}/.test(text.slice(0, 100_000)),
  },
]
