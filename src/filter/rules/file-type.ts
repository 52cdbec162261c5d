// What a file is by its first bytes, whatever its name says; and what its name says.

export type FileKind =
  | 'exe'
  | 'elf'
  | 'mach-o'
  | 'java-class'
  | 'script'
  | 'zip'
  | 'rar'
  | '7z'
  | 'gzip'
  | 'bzip2'
  | 'xz'
  | 'zstd'
  | 'tar'
  | 'cab'
  | 'ace'
  | 'arj'
  | 'lzh'
  | 'iso'
  | 'vhd'
  | 'shortcut'
  | 'ole'
  | 'rtf'
  | 'pdf'
  | 'onenote'
  | 'chm'
  | 'swf'
  | 'html'
  | 'svg'
  | 'png'
  | 'jpeg'
  | 'gif'
  | 'bmp'
  | 'tiff'
  | 'webp'
  | 'mp3'
  | 'mp4'
  | 'wav'
  | 'tnef'
  | 'text'

const MAGIC: readonly (readonly [kind: FileKind, offset: number, bytes: Buffer])[] = [
  ['exe', 0, Buffer.from('MZ')],
  ['elf', 0, Buffer.from('\x7fELF', 'latin1')],
  ['mach-o', 0, Buffer.from('feedface', 'hex')],
  ['mach-o', 0, Buffer.from('feedfacf', 'hex')],
  ['mach-o', 0, Buffer.from('cefaedfe', 'hex')],
  ['mach-o', 0, Buffer.from('cffaedfe', 'hex')],
  ['java-class', 0, Buffer.from('cafebabe', 'hex')],
  ['zip', 0, Buffer.from('PK\x03\x04', 'latin1')],
  ['zip', 0, Buffer.from('PK\x05\x06', 'latin1')],
  ['rar', 0, Buffer.from('Rar!\x1a\x07', 'latin1')],
  ['7z', 0, Buffer.from('377abcaf271c', 'hex')],
  ['gzip', 0, Buffer.from('1f8b08', 'hex')],
  ['bzip2', 0, Buffer.from('BZh')],
  ['xz', 0, Buffer.from('fd377a585a00', 'hex')],
  ['zstd', 0, Buffer.from('28b52ffd', 'hex')],
  ['tar', 257, Buffer.from('ustar')],
  ['cab', 0, Buffer.from('MSCF')],
  ['ace', 7, Buffer.from('**ACE**')],
  ['arj', 0, Buffer.from('60ea', 'hex')],
  ['lzh', 2, Buffer.from('-lh')],
  ['iso', 0x8001, Buffer.from('CD001')],
  ['vhd', 0, Buffer.from('conectix')],
  ['vhd', 0, Buffer.from('vhdxfile')],
  ['shortcut', 0, Buffer.from('4c0000000114020000000000c000000000000046', 'hex')],
  ['ole', 0, Buffer.from('d0cf11e0a1b11ae1', 'hex')],
  ['rtf', 0, Buffer.from('{\\rt')],
  ['pdf', 0, Buffer.from('%PDF-')],
  ['onenote', 0, Buffer.from('e4525c7b8cd8a74d', 'hex')],
  ['chm', 0, Buffer.from('ITSF')],
  ['swf', 0, Buffer.from('CWS')],
  ['swf', 0, Buffer.from('FWS')],
  ['png', 0, Buffer.from('89504e470d0a1a0a', 'hex')],
  ['jpeg', 0, Buffer.from('ffd8ff', 'hex')],
  ['gif', 0, Buffer.from('GIF8')],
  ['tiff', 0, Buffer.from('49492a00', 'hex')],
  ['tiff', 0, Buffer.from('4d4d002a', 'hex')],
  ['webp', 8, Buffer.from('WEBP')],
  ['wav', 8, Buffer.from('WAVE')],
  ['mp4', 4, Buffer.from('ftyp')],
  ['mp3', 0, Buffer.from('ID3')],
  ['tnef', 0, Buffer.from('789f3e22', 'hex')],
  ['bmp', 0, Buffer.from('BM')],
]

/** The kind of a file by its first bytes (64 KiB are enough); undefined for what has no mark. */
export function kindOf(head: Buffer): FileKind | undefined {
  for (const [kind, offset, bytes] of MAGIC) {
    const end = offset + bytes.length
    if (head.length >= end && head.compare(bytes, 0, bytes.length, offset, end) === 0 && isCredible(kind, head))
      return kind
  }
  const start = head.toString('latin1', 0, 1024).replace(/^(?:\xef\xbb\xbf)?\s+/, '')
  if (start.startsWith('#!')) return 'script'
  if (/^(?:<\?xml[^>]{0,200}>)?\s?(?:<!--[^>]{0,200}-->)?\s?(?:<!doctype svg[^>]{0,300}>)?\s?<svg\b/i.test(start))
    return 'svg'
  if (/<(?:!doctype html|html|head|body|script|iframe|meta http-equiv)\b/i.test(start)) return 'html'
  // A PDF may begin with other bytes: readers look for its mark in the first 1,024.
  if (start.includes('%PDF-')) return 'pdf'
  return undefined
}

/** Two-letter marks begin honest texts as well: they need a second sign. */
function isCredible(kind: FileKind, head: Buffer): boolean {
  switch (kind) {
    case 'exe': {
      const text = head.toString('latin1', 2, 200)
      return /[\0-\x08]/.test(text)
    }
    case 'bmp':
      return head.length > 14 && head.readUInt32LE(6) === 0
    case 'arj':
    case 'bzip2':
      return head.length > 10 && /[\0-\x08\x80-\xff]/.test(head.toString('latin1', 3, 40))
    default:
      return true
  }
}

const words = (list: string): ReadonlySet<string> => new Set(list.trim().split(/\s+/))

/** Endings that a system starts as a program. */
export const EXECUTABLE =
  words(`exe scr com pif cpl msi msp msix appx dll ocx sys drv bin run app dmg pkg deb rpm apk jar
  xll wll gadget msc ade mde xbap application scf lnk url chm hlp reg inf cab ax sct diagcab library-ms search-ms`)
/** Endings that a system interprets. */
export const SCRIPT =
  words(`js jse vbs vbe wsf wsh ws hta ps1 psm1 ps1xml psc1 bat cmd sh bash csh py pyc pyw pl rb jnlp
  vb mhtml slk iqy settingcontent-ms applescript command scpt`)
export const SHORTCUT = words('lnk url scf desktop webloc website library-ms search-ms appref-ms')
export const DISC_IMAGE = words('iso img vhd vhdx udf nrg wim')
export const ARCHIVE = words('zip rar 7z gz tgz tar bz2 tbz xz txz zst z lzh lha arj ace cab')
export const RARE_ARCHIVE = words('ace arj lzh lha z uue xxe bhx r00 r01 alz egg daa')
export const MACRO_OFFICE = words('docm dotm xlsm xltm xlam xlsb pptm potm ppsm ppam sldm')
export const OFFICE = words('doc docx dot dotx xls xlsx xlt xltx ppt pptx pps ppsx potx rtf odt ods odp')
/** Endings that people open without a thought. */
export const DOCUMENT =
  words(`pdf txt doc docx xls xlsx ppt pptx rtf csv jpg jpeg png gif bmp tif tiff mp3 mp4 avi mov htm
  html xml odt ods`)

/** What the real kinds are called, for names that lie: an ending and the kinds that it may hold. */
export const KINDS_OF_ENDING: Readonly<Record<string, readonly FileKind[]>> = {
  pdf: ['pdf'],
  jpg: ['jpeg', 'png', 'gif', 'webp', 'bmp', 'tiff', 'mp4'],
  jpeg: ['jpeg', 'png', 'gif', 'webp', 'bmp', 'tiff', 'mp4'],
  png: ['png', 'jpeg', 'gif', 'webp', 'bmp'],
  gif: ['gif', 'png', 'jpeg', 'webp', 'mp4'],
  bmp: ['bmp', 'png', 'jpeg', 'gif'],
  tif: ['tiff', 'jpeg', 'png'],
  tiff: ['tiff', 'jpeg', 'png'],
  docx: ['zip', 'ole', 'rtf', 'html'],
  xlsx: ['zip', 'ole', 'html'],
  pptx: ['zip', 'ole'],
  doc: ['ole', 'rtf', 'zip', 'html'],
  xls: ['ole', 'zip', 'html'],
  ppt: ['ole', 'zip'],
  zip: ['zip'],
  txt: [],
  csv: [],
  mp3: ['mp3', 'mp4', 'wav'],
}

/** The endings of a file name, last first, lower case: `a.tar.gz` gives gz, tar. */
export function endingsOf(name: string): string[] {
  // Windows drops dots and spaces at the end of a name before it looks.
  const parts = name
    .slice(-300)
    .toLowerCase()
    .replace(/[.\s\0]+$/, '')
    .split('.')
  return parts
    .slice(1)
    .reverse()
    .slice(0, 3)
    .map((part) => part.trim())
}

/** Would a click on a file of this name start a program. Endings that are also honest words of names are left out. */
export function isProgramName(name: string): boolean {
  const [ending = ''] = endingsOf(name)
  return EXECUTABLE.has(ending) && !/^(?:com|app|url|inf|reg|sys|bin|run|drv|chm|cab)$/.test(ending)
}
