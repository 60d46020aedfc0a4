/** Names what was deployed where others are numbers of pushed versions: in the log, in `proxy.versionField`. */
export const deployedVersion = 'deployed';
