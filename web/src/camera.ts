// The camera: opened on request only, listed once allowed, and watched for being unplugged.

import { NEEDS_HTTPS, NO_CAMERA, UNPLUGGED, cameraProblem, type Problem } from "./problems";

/** A problem that the page can show as it is. */
export class CameraError extends Error {
  constructor(readonly problem: Problem) {
    super(problem.title);
  }
}

export class Camera {
  private stream: MediaStream | null = null;
  // Tells an opening that was overtaken, by a stop or by another camera, from the one that counts.
  private opening = 0;

  constructor(
    private readonly video: HTMLVideoElement,
    private readonly onGone: (problem: Problem) => void,
  ) {}

  get deviceId(): string {
    return this.stream?.getVideoTracks()[0]?.getSettings().deviceId ?? "";
  }

  /**
   * Open a camera and show it; an empty id takes the one that the browser prefers.
   *
   * Returns false, with the camera off, where it was closed or opened anew in the meantime.
   */
  async open(deviceId = ""): Promise<boolean> {
    this.close();
    const opening = this.opening;
    // Absent where the page has no right to cameras at all, whatever the types say.
    const devices: MediaDevices | undefined = navigator.mediaDevices;
    if (!window.isSecureContext || !devices) throw new CameraError(NEEDS_HTTPS);
    const size = { width: { ideal: 1280 }, height: { ideal: 960 } };
    const which = deviceId ? { deviceId: { exact: deviceId } } : { facingMode: "user" };
    try {
      const stream = await devices.getUserMedia({ audio: false, video: { ...size, ...which } });
      if (opening !== this.opening) {
        stream.getTracks().forEach((track) => track.stop());
        return false;
      }
      this.stream = stream;
      const track = stream.getVideoTracks()[0];
      if (!track) throw new CameraError(NO_CAMERA);
      track.addEventListener("ended", () => this.lose());
      this.video.srcObject = this.stream;
      await this.video.play();
      return opening === this.opening;
    } catch (error) {
      if (opening !== this.opening) return false;
      this.close();
      throw error instanceof CameraError ? error : new CameraError(cameraProblem(error));
    }
  }

  close(): void {
    this.opening += 1;
    this.stream?.getTracks().forEach((track) => track.stop());
    this.stream = null;
    this.video.srcObject = null;
  }

  /** Return the cameras that there are; their names are known once one was allowed. */
  async list(): Promise<MediaDeviceInfo[]> {
    const devices: MediaDevices | undefined = navigator.mediaDevices;
    if (!devices) return [];
    return (await devices.enumerateDevices()).filter((device) => device.kind === "videoinput");
  }

  private lose(): void {
    if (!this.stream) return;
    this.close();
    this.onGone(UNPLUGGED);
  }
}
