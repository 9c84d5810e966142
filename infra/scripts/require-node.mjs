// Imported before everything else, so that an old Node says what is wrong instead of stumbling
// over newer syntax; keep it to what Node 14 can read.
const needed = [20, 19];
const [major, minor] = process.versions.node.split('.').map(Number);

if (major < needed[0] || (major === needed[0] && minor < needed[1])) {
  process.stderr.write(
    `Millrace needs Node ${needed.join('.')} or newer, and this is ${process.versions.node} ` +
      `(${process.execPath}). Nothing was installed or changed.\n` +
      'Install a newer Node (https://nodejs.org/en/download, or your version manager) and run ' +
      'the same command again.\n',
  );
  process.exit(1);
}
