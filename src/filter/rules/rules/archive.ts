// Archives and discs by what is in them: they are how programs are brought past those who only look at names.

import { DISC_IMAGE, endingsOf, isProgramName, RARE_ARCHIVE, SHORTCUT } from '../file-type.ts'
import type { Rule } from '../rule.ts'
import { anyFile } from './any-file.ts'

export const archiveRules: readonly Rule[] = [
  {
    id: 'file-archive-program',
    points: 5,
    about: 'attachment',
    explanation: 'An attached archive contains a program or a script.',
    test: anyFile((file, mail) =>
      file.isOfficeZip || /^(?:jar|apk|xpi)$/.test(file.ending)
        ? undefined
        : file.inside.find(
            (name) =>
              isProgramName(name) ||
              SHORTCUT.has(endingsOf(name)[0] ?? '') ||
              (/^(?:js|jse|vbs|vbe|wsf|hta|ps1|bat|cmd)$/.test(endingsOf(name)[0] ?? '') &&
                file.inside.length < 6 &&
                !mail.isReply),
          ),
    ),
  },
  {
    id: 'file-archive-encrypted',
    points: 1.8,
    about: 'attachment',
    explanation: 'An attached archive is encrypted, so that no filter can look into it.',
    test: anyFile((file) => file.archive?.encrypted === true),
  },
  {
    id: 'file-archive-password-told',
    points: 2.5,
    about: 'attachment',
    explanation: 'An attached archive is encrypted, and the password stands in the message beside it.',
    test: anyFile(
      (file, mail) =>
        (file.archive?.encrypted === true || (file.kind === 'ole' && file.holds('EncryptedPackage', 'utf16le'))) &&
        mail.phrases.has('password'),
    ),
  },
  {
    id: 'file-archive-nested',
    points: 1.2,
    about: 'attachment',
    explanation: 'An attached archive contains other archives.',
    test: anyFile(
      (file) => !file.isOfficeZip && (file.archive?.nested ?? 0) > 0 && !/\.tar\.gz$|\.tgz$/i.test(file.name),
    ),
  },
  {
    id: 'file-archive-bomb',
    points: 4,
    about: 'attachment',
    explanation: 'An attached archive would unpack to something huge or without end.',
    test: anyFile((file) => file.archive?.excessive === true),
  },
  {
    id: 'file-archive-broken',
    points: 0.8,
    about: 'attachment',
    explanation: 'An attached archive is damaged or built so that filters cannot list it.',
    test: anyFile((file) => file.archive?.broken === true && file.bytes.length < 8_000_000),
  },
  {
    id: 'file-archive-rare',
    points: 2.5,
    about: 'attachment',
    explanation: 'An archive of a kind is attached that is used almost only to get past filters.',
    test: anyFile(
      (file) => RARE_ARCHIVE.has(file.ending) || file.kind === 'ace' || file.kind === 'arj' || file.kind === 'cab',
    ),
  },
  {
    id: 'file-disc-image',
    points: 3.5,
    about: 'attachment',
    explanation: 'An image of a disc is attached, a way to bring programs past filters.',
    test: anyFile((file) => DISC_IMAGE.has(file.ending) || file.kind === 'iso' || file.kind === 'vhd'),
  },
]
