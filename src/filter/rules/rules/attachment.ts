// Attachments by what they are, not by what they say: programs, scripts, documents that run something, archives that
// hide what is in them.

import type { Attachment } from '../attachments.ts'
import {
  DOCUMENT,
  EXECUTABLE,
  type FileKind,
  KINDS_OF_ENDING,
  MACRO_OFFICE,
  OFFICE,
  SCRIPT,
  SHORTCUT,
} from '../file-type.ts'
import type { Rule } from '../rule.ts'
import { anyFile } from './any-file.ts'

const PROGRAMS: ReadonlySet<FileKind | undefined> = new Set<FileKind>(['exe', 'elf', 'mach-o', 'java-class'])
const ARCHIVES: ReadonlySet<FileKind | undefined> = new Set<FileKind>([
  'zip',
  'rar',
  '7z',
  'gzip',
  'bzip2',
  'xz',
  'zstd',
  'tar',
  'cab',
  'ace',
  'arj',
  'lzh',
])
const WEB_SHORTCUT = new Set(['url', 'webloc', 'website'])
/** Files with these endings are text: a first line that looks like a program's proves nothing. */
const SOURCE = new Set(['patch', 'diff', 'txt', 'c', 'h', 'log', 'asc', 'sig'])

const isOfficeFile = (file: Attachment): boolean =>
  file.kind === 'ole' || OFFICE.has(file.ending) || MACRO_OFFICE.has(file.ending)

function hasMacros(file: Attachment): boolean {
  if (file.kind === 'ole')
    return (
      file.holds('_VBA_PROJECT', 'utf16le') ||
      file.holds('Attribut\0e VB_') ||
      (file.holds('Macros', 'utf16le') && file.holds('VBA', 'utf16le'))
    )
  return file.kind === 'zip' && file.inside.some((name) => /vbaproject\.bin$|vbadata\.xml$|\/macrosheets\//i.test(name))
}

export const attachmentRules: readonly Rule[] = [
  {
    id: 'file-program',
    points: 5,
    about: 'attachment',
    explanation: 'A program is attached.',
    test: anyFile((file) => PROGRAMS.has(file.kind) && (EXECUTABLE.has(file.ending) || file.name === '')),
  },
  {
    id: 'file-program-disguised',
    points: 6,
    about: 'attachment',
    explanation: 'An attached program pretends to be another kind of file.',
    test: anyFile((file) => PROGRAMS.has(file.kind) && file.name !== '' && !EXECUTABLE.has(file.ending)),
  },
  {
    id: 'file-program-by-name',
    points: 3.5,
    about: 'attachment',
    explanation: 'An attached file has the name of a program.',
    test: anyFile(
      (file) =>
        !PROGRAMS.has(file.kind) &&
        EXECUTABLE.has(file.ending) &&
        !/^(?:inf|reg|bin|run|app|url|com|lnk|chm|hlp)$/.test(file.ending),
    ),
  },
  {
    id: 'file-script',
    points: 3.5,
    about: 'attachment',
    explanation: 'A script is attached that a click would run.',
    test: anyFile(
      (file, mail) =>
        /^(?:js|jse|vbs|vbe|wsf|wsh|hta|ps1|bat|cmd|jnlp|slk|iqy|settingcontent-ms)$/.test(file.ending) ||
        (SCRIPT.has(file.ending) &&
          !mail.isReply &&
          !mail.isFromList &&
          !/^(?:sh|py|pl|rb|bash|csh|pyc)$/.test(file.ending)),
    ),
  },
  {
    id: 'file-double-ending',
    points: 4.5,
    about: 'attachment',
    explanation: 'The name of an attached file has two endings, of which the harmless one is false.',
    test: anyFile(({ endings, name }) => {
      const [last = '', before = ''] = endings
      return DOCUMENT.has(before) && last !== 'com' && (EXECUTABLE.has(last) || SCRIPT.has(last)) && name
    }),
  },
  {
    id: 'file-name-turned',
    points: 4.5,
    about: 'attachment',
    explanation: 'The name of an attached file is written backwards in part, to hide its ending.',
    test: anyFile(({ name }) => /[\u202a-\u202e\u2066-\u2069]/.test(name)),
  },
  {
    id: 'file-name-padded',
    points: 3.5,
    about: 'attachment',
    explanation: 'The name of an attached file is filled with space, to push its ending out of sight.',
    test: anyFile(
      ({ name }) =>
        /[\s_\u00a0\u2000-\u200a\u3000\u2800]{10}\.?[a-z0-9]{1,10}$/i.test(name) ||
        /\.[a-z]{2,4}[\s\u00a0\u2800]{5,}\.?\S{2,5}$/i.test(name),
    ),
  },
  {
    id: 'file-name-class',
    points: 4,
    about: 'attachment',
    explanation: 'The name of an attached file hides its kind behind a number that only the system understands.',
    test: anyFile(({ name }) => /\.?\{[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\}$/i.test(name)),
  },
  {
    id: 'file-name-invisible',
    points: 2.5,
    about: 'attachment',
    explanation: 'The name of an attached file contains invisible characters.',
    test: anyFile(({ name }) => /[\u00ad\u180e\u200b-\u200f\u2060-\u2064\ufeff]/.test(name)),
  },
  {
    id: 'file-other-than-named',
    points: 1.8,
    about: 'attachment',
    explanation: 'An attached file is of another kind than its name says.',
    test: anyFile((file) => {
      const kinds = KINDS_OF_ENDING[file.ending]
      if (kinds === undefined || file.kind === undefined || PROGRAMS.has(file.kind) || SOURCE.has(file.ending))
        return undefined
      return !kinds.includes(file.kind) && `${file.name} (${file.kind})`
    }),
  },
  {
    id: 'file-image-named-other',
    points: 1,
    about: 'attachment',
    explanation: 'An attached file is declared as an image, but is none.',
    test: anyFile(
      (file) =>
        file.part.type === 'image' &&
        file.part.subtype !== 'svg+xml' &&
        (file.kind === 'html' || ARCHIVES.has(file.kind) || file.kind === 'ole' || PROGRAMS.has(file.kind)) &&
        `${file.declaredType} (${file.kind})`,
    ),
  },
  {
    id: 'file-macros',
    points: 2.8,
    about: 'attachment',
    explanation: 'An attached document contains a program that can run when it is opened.',
    test: anyFile((file) => hasMacros(file) || MACRO_OFFICE.has(file.ending)),
  },
  {
    id: 'file-macros-at-once',
    points: 3,
    about: 'attachment',
    explanation: 'An attached document contains a program that runs as soon as it is opened.',
    test: anyFile((file) => {
      if (!hasMacros(file)) return undefined
      return ['AutoOpen', 'Auto_Open', 'Document_Open', 'Workbook_Open', 'AutoExec'].some((name) => file.holds(name))
    }),
  },
  {
    id: 'file-macros-in-plain-office',
    points: 2.5,
    about: 'attachment',
    explanation: 'An attached document contains a program, though its name says that it contains none.',
    test: anyFile((file) => /^(?:docx|xlsx|pptx|dotx)$/.test(file.ending) && hasMacros(file)),
  },
  {
    id: 'file-document-encrypted',
    points: 1.8,
    about: 'attachment',
    explanation: 'An attached document is encrypted, so that no filter can look into it.',
    test: anyFile((file) => file.kind === 'ole' && file.holds('EncryptedPackage', 'utf16le')),
  },
  {
    id: 'file-remote-template',
    points: 3,
    about: 'attachment',
    explanation: 'An attached document loads another one from the Internet when it is opened.',
    test: anyFile((file) => {
      if (!file.isOfficeZip) return undefined
      const relations = file.memberText('word/_rels/settings.xml.rels') ?? ''
      return /attachedTemplate/.test(relations) && /Target="(?:https?|file|smb|\\\\)/i.test(relations)
    }),
  },
  {
    id: 'file-embedded-object',
    points: 1.8,
    about: 'attachment',
    explanation: 'An attached document contains a file that a click in it would start.',
    test: anyFile(
      (file) =>
        (file.kind === 'zip' && file.inside.some((name) => /\/embeddings\/oleobject\d{0,3}\.bin$/i.test(name))) ||
        (file.kind === 'ole' && isOfficeFile(file) && file.holds('Ole10Native', 'utf16le')),
    ),
  },
  {
    id: 'file-rtf-object',
    points: 2.8,
    about: 'attachment',
    explanation: 'An attached text document contains an embedded object, a known way to break into machines.',
    test: anyFile(
      (file) => file.kind === 'rtf' && (file.holds('\\objdata') || file.holds('\\objupdate') || file.holds('\\objocx')),
    ),
  },
  {
    id: 'file-shortcut',
    points: 5,
    about: 'attachment',
    explanation: 'A shortcut is attached that starts a program when it is opened.',
    test: anyFile((file) => (SHORTCUT.has(file.ending) && !WEB_SHORTCUT.has(file.ending)) || file.kind === 'shortcut'),
  },
  {
    id: 'file-web-shortcut',
    points: 2,
    about: 'attachment',
    explanation: 'A file is attached that opens a web page or a file of a foreign machine.',
    test: anyFile((file) => WEB_SHORTCUT.has(file.ending)),
  },
  {
    id: 'file-help-book',
    points: 4,
    about: 'attachment',
    explanation: 'A help file is attached that can run programs when it is opened.',
    test: anyFile((file) => file.kind === 'chm' || file.ending === 'chm' || file.ending === 'hlp'),
  },
  {
    id: 'file-notebook',
    points: 2.5,
    about: 'attachment',
    explanation: 'A notebook file is attached, of a kind that is used to hide programs.',
    test: anyFile((file) => file.kind === 'onenote' || file.ending === 'one' || file.ending === 'onepkg'),
  },
  {
    id: 'file-web-page',
    points: 1.2,
    about: 'attachment',
    explanation: 'A web page is attached as a file.',
    test: anyFile(
      (file, mail) =>
        file.isHtml &&
        file.name !== '' &&
        file.part.disposition?.type === 'attachment' &&
        !mail.isReply &&
        !mail.isFromList,
    ),
  },
  {
    id: 'file-web-page-form',
    points: 3.5,
    about: 'attachment',
    explanation: 'An attached web page contains a form for entering something, such as a password.',
    test: anyFile(
      (file) =>
        file.isHtml &&
        file.name !== '' &&
        (file.markup.passwords > 0 || (file.markup.forms > 0 && file.markup.inputs > 0)),
    ),
  },
  {
    id: 'file-web-page-script',
    points: 2.8,
    about: 'attachment',
    explanation: 'An attached web page contains a program, often one that loads or builds the real page.',
    test: anyFile(
      (file) =>
        file.isHtml &&
        file.name !== '' &&
        file.part.disposition?.type === 'attachment' &&
        (file.markup.scripts > 0 || file.markup.refresh !== undefined),
    ),
  },
  {
    id: 'file-image-script',
    points: 4,
    about: 'attachment',
    explanation: 'An attached image contains a program.',
    test: anyFile(
      (file) =>
        (file.kind === 'svg' || file.ending === 'svg') &&
        (file.markup.scripts > 0 || file.markup.handlers > 0 || file.markup.frames > 0),
    ),
  },
  {
    id: 'file-pdf-script',
    points: 1.8,
    about: 'attachment',
    explanation: 'An attached PDF contains a program or starts one.',
    test: anyFile(
      (file) =>
        file.kind === 'pdf' &&
        (file.holds('/JavaScript') || file.holds('/Launch') || file.holds('/OpenAction<</S/URI')),
    ),
  },
  {
    id: 'file-pdf-late',
    points: 1.5,
    about: 'attachment',
    explanation: 'An attached PDF begins like another kind of file, so that programs take it for different things.',
    test: anyFile(
      (file) => file.ending === 'pdf' && file.kind !== 'pdf' && file.kind !== undefined && file.head.includes('%PDF-'),
    ),
  },
  {
    id: 'file-alone',
    points: 0.8,
    about: 'attachment',
    explanation: 'A file is attached and no word is said about it.',
    test: (mail) =>
      mail.attachments.some(({ name, part }) => name !== '' && part.type !== 'image') &&
      !/\S/.test(mail.text) &&
      !mail.isReply,
  },
]
